import { describe, expect, test } from '@jest/globals';
import { blockNumber } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import type { TimedBlock } from '../../../src/chain/find-block.js';
import { L1Head } from '../../../src/executor/l1-head.js';
import { manualClock, settle } from '../../support/manual-clock.js';

const BLOCK_SECONDS = 12;
const at = (number: number): TimedBlock => ({
  number: blockNumber(number),
  timestampSeconds: 1_600_000_000 + number * BLOCK_SECONDS,
});

function world({ head = 1_000, maxAgeSeconds = 6_000 } = {}) {
  const clock = manualClock();
  const state = { head, isDown: false, headReads: 0, blockReads: 0 };
  const l1 = new L1Head({
    clock,
    maxAgeSeconds,
    readHead: async () => {
      state.headReads += 1;
      if (state.isDown) throw new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
      return at(state.head);
    },
    readBlock: async (number) => {
      state.blockReads += 1;
      return at(number);
    },
  });
  return { clock, state, l1 };
}

describe('L1Head', () => {
  test('default: a block within the age limit is admitted, with the head as "now"', async () => {
    const { l1 } = world();
    await expect(l1.admit(900n)).resolves.toEqual({ head: at(1_000), block: 900 });
  });

  test('behavior: the age limit is sharp: 500 blocks of 12 s are 6,000 s', async () => {
    const { l1 } = world();
    await expect(l1.admit(500n)).resolves.toMatchObject({ block: 500 });
    await expect(l1.admit(499n)).rejects.toMatchObject({ code: 'REQUEST_DENIED' });
  });

  test('behavior: a thousand submissions, of any block numbers, share one head and one search', async () => {
    const { l1, state } = world();
    await l1.admit(900n);
    const { headReads, blockReads } = state;
    await Promise.allSettled(Array.from({ length: 1_000 }, (_, index) => l1.admit(BigInt(index))));
    expect(state).toMatchObject({ headReads, blockReads });
  });

  test.each([3_600_000, -3_600_000])(
    'behavior: a date that is set by %i ms keeps no old head, and lets nobody wait longer or shorter',
    async (stepMs) => {
      const { l1, state, clock } = world();
      await l1.current();
      clock.step(stepMs);
      await clock.advance(1_000);
      state.head = 1_001;
      expect((await l1.current()).number).toBe(1_001);
      const waiting = l1.admit(1_002n);
      const refused = expect(waiting).rejects.toMatchObject({ code: 'REQUEST_LIMIT' });
      clock.step(-2 * stepMs);
      await clock.advance(9_500);
      expect(clock.sleepers).toBe(1);
      await clock.advance(500);
      await refused;
    },
  );

  test('behavior: the age limit moves with chain time', async () => {
    const { l1, state, clock } = world();
    await l1.admit(500n);
    state.head = 1_100;
    await clock.advance(1_500);
    await expect(l1.admit(599n)).rejects.toMatchObject({ code: 'REQUEST_DENIED' });
  });

  test('behavior: a block ahead of the head is waited for', async () => {
    const { l1, state, clock } = world();
    const admitted = l1.admit(1_002n);
    await clock.advance(3_000);
    state.head = 1_002;
    await clock.advance(1_500);
    await expect(admitted).resolves.toMatchObject({ block: 1_002 });
  });

  test('error: a block that does not come within ten seconds is a reason to retry', async () => {
    const { l1, clock } = world();
    const admitted = expect(l1.admit(1_001n)).rejects.toMatchObject({ code: 'REQUEST_LIMIT' });
    await clock.advance(12_000);
    await admitted;
  });

  test.each([1_101n, 2n ** 64n - 1n])('error: block %s is so far ahead that nobody waits', async (number) => {
    const { l1 } = world();
    await expect(l1.admit(number)).rejects.toMatchObject({ code: 'REQUEST_LIMIT' });
  });

  test('behavior: only so many wait at one time, and their places are free again afterwards', async () => {
    const { l1, state, clock } = world();
    const outcomes: string[] = [];
    const ask = () =>
      l1.admit(1_001n).then(
        () => outcomes.push('admitted'),
        (error: { code: string }) => outcomes.push(error.code),
      );
    const first = Array.from({ length: 2_000 }, ask);
    await settle();
    expect(clock.sleepers).toBe(128);
    expect(outcomes).toEqual(Array(1_872).fill('REQUEST_LIMIT'));
    state.head = 1_001;
    await clock.advance(1_500);
    await Promise.all(first);
    expect(outcomes.slice(1_872)).toEqual(Array(128).fill('admitted'));
    state.head = 1_000;
    await clock.advance(1_500);
    const next = ask();
    await settle();
    expect(clock.sleepers).toBe(1);
    await clock.advance(12_000);
    await next;
  });

  test('behavior: a waiting caller that hangs up stops waiting', async () => {
    const { l1, clock } = world();
    const caller = new AbortController();
    const admitted = expect(l1.admit(1_001n, caller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await clock.advance(600);
    caller.abort();
    await admitted;
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: an RPC that fails leaves the last head good for 12 seconds, and no longer', async () => {
    const { l1, state, clock } = world();
    await l1.admit(900n);
    state.isDown = true;
    await clock.advance(11_000);
    await expect(l1.current()).resolves.toEqual(at(1_000));
    await clock.advance(2_000);
    await expect(l1.current()).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
  });
});
