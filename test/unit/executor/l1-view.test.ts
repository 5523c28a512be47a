import { describe, expect, test } from '@jest/globals';
import { blockNumber, chainId, type Hash32 } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import type { Block } from '../../../src/chain/block.js';
import { createL1View } from '../../../src/executor/l1-view.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';

/** Block `number` of a fork; forks part above block 100. */
function block(number: number, fork = 'a'): Block {
  const hash = (of: number) => `0x${of}${of > 100 ? fork : 'a'}` as Hash32;
  return {
    number: blockNumber(number),
    hash: hash(number),
    parentHash: hash(number - 1),
    timestampSeconds: number * 12,
    baseFeePerGas: 0n,
  };
}

function world() {
  const state = { head: 100, fork: 'a', isDown: false, forgotten: [] as number[], told: [] as number[] };
  const lines: LogLine[] = [];
  const view = createL1View(
    {
      chainId: chainId(31_337),
      head: async () => {
        if (state.isDown) throw new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
        return block(state.head, state.fork);
      },
      block: async (number) => (Number(number) <= state.head ? block(Number(number), state.fork) : undefined),
      forgetFrom: (number) => state.forgotten.push(number),
    },
    64,
    recordingLogger(lines),
    ({ number }) => state.told.push(number),
  );
  const at = async (head: number, fork = 'a') => {
    Object.assign(state, { head, fork });
    return (await view.readHead()).number;
  };
  return { view, state, at, lines };
}

describe('createL1View', () => {
  test('default: a chain that grows, by one block or many, makes nothing be forgotten', async () => {
    const { at, state } = world();
    for (const head of [100, 101, 101, 105, 300]) expect(await at(head)).toBe(head);
    expect(state.forgotten).toEqual([]);
    expect(state.told).toEqual([100, 101, 101, 105, 300]);
  });

  test('behavior: that it cannot be read is told once, whoever still waits for it, and that it can again', async () => {
    const { at, state, view, lines } = world();
    await at(100);
    for (const isDown of [true, true, false, false, true]) {
      state.isDown = isDown;
      await view.readHead().catch(() => undefined);
    }
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'L1 cannot be read now; no task is taken until it can'],
      ['info', 'L1 can be read again'],
      ['warn', 'L1 cannot be read now; no task is taken until it can'],
    ]);
  });

  test('behavior: an endpoint that lags behind makes nothing be forgotten', async () => {
    const { at, state } = world();
    for (const head of [110, 108, 111]) await at(head);
    expect(state.forgotten).toEqual([]);
  });

  test.each([
    ['of the same height', 110],
    ['longer by one', 111],
    ['much longer', 150],
  ])('behavior: another fork, %s, makes the depth of a reorg be read anew', async (_name, head) => {
    const { at, state } = world();
    await at(110);
    await at(head, 'b');
    expect(state.forgotten).toEqual([110 - 64]);
  });

  test('behavior: a shorter fork is noticed at the latest when it has outgrown the former head', async () => {
    const { at, state } = world();
    await at(110);
    await at(105, 'b');
    await at(112, 'b');
    expect(state.forgotten).toEqual([110 - 64]);
  });

  test('behavior: a block that the endpoint does not have', async () => {
    const { view } = world();
    await expect(view.readBlock(blockNumber(999))).resolves.toBeUndefined();
  });
});
