import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blockNumber, chainId } from '../../../../src/base/brands.js';
import { showChains } from '../../../../src/operations/storage/chains.js';
import { forgetChain, rewindChain } from '../../../../src/operations/storage/rewind-chain.js';
import { type AggregatorStore, createAggregatorStore } from '../../../../src/store/aggregator-store.js';
import { openLevelStore } from '../../../../src/store/level-store.js';
import { verifyStore } from '../../../../src/store/verify-store.js';
import {
  collectingTerminal,
  makeExecutorStore,
  makeStore,
  recordsOf,
} from '../../../support/storage-stage.js';
import { fixtureBlock, fixtureTask } from '../../../support/store-fixtures.js';
import { type TemporaryFolder, temporaryFolder } from '../../../support/temporary-folder.js';

const L1 = chainId(1);
const OTHER = chainId(8_453);

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const taskAt = (n: number, chain = L1) => ({
  ...fixtureTask(n),
  chainId: chain,
  blockNumber: blockNumber(n),
});

/** Blocks 100 to 110 with a task each; task 101 has completed in block 108, task 107 too. */
async function fill(): Promise<void> {
  await makeStore(folder.path, 'aggregator', async (values) => {
    const store = createAggregatorStore(values);
    for (let n = 100; n <= 110; n++) await store.saveBlock(L1, fixtureBlock(n), [taskAt(n)]);
    await store.saveBlock(OTHER, fixtureBlock(5), [taskAt(5, OTHER)]);
    for (const n of [101, 107]) {
      const settledAtBlock = blockNumber(108);
      await store.updateTask(taskAt(n), { status: 'completed', settledAtBlock, updatedAtMs: 1 });
    }
  });
}

async function withStore<T>(look: (store: AggregatorStore) => Promise<T>): Promise<T> {
  const values = await openLevelStore({ dir: folder.path, syncWrites: false });
  try {
    return await look(createAggregatorStore(values));
  } finally {
    await values.close();
  }
}

describe('storage chain show', () => {
  test('default: the cursor, the blocks and the unfinished tasks of each chain', async () => {
    await fill();
    const terminal = collectingTerminal();
    await showChains({ dir: folder.path, json: true }, terminal);
    expect(JSON.parse(terminal.stdout())).toMatchObject([
      { chainId: 1, cursor: { number: 110 }, unfinished: 9, blocks: { length: 11 } },
      { chainId: 8_453, cursor: { number: 5 }, unfinished: 1 },
    ]);
  });

  test('behavior: of one chain, the blocks to choose from, the newest first', async () => {
    await fill();
    const terminal = collectingTerminal();
    await showChains({ dir: folder.path, chain: 1 }, terminal);
    expect(terminal.stdout()).toMatch(/11, from 100/);
    expect(terminal.stdout()).toMatch(/\n110 .*\n109 /);
  });

  test('error: of a chain that was never read', async () => {
    await fill();
    await expect(showChains({ dir: folder.path, chain: 17_000 }, collectingTerminal())).rejects.toMatchObject(
      {
        code: 'USAGE',
        facts: { chain: 17_000, known: '1, 8453' },
      },
    );
  });
});

describe('storage chain rewind', () => {
  test('default: tasks of later blocks are failed as reorged, those with a later result are pending again', async () => {
    await fill();
    const terminal = collectingTerminal();
    await rewindChain({ dir: folder.path, chain: 1, to: 105 }, terminal);
    expect(terminal.stdout()).toMatch(/read up to block 105 now, was 110.*reads on from 106/);
    expect(terminal.stdout()).toMatch(/5 tasks of later blocks/);
    expect(terminal.stdout()).toMatch(/1 tasks whose result was in later blocks/);
    await withStore(async (store) => {
      expect((await store.cursor(L1))?.number).toBe(105);
      expect((await store.recentBlocks(L1)).map(({ number }) => number)).toEqual([
        105, 104, 103, 102, 101, 100,
      ]);
      expect(await store.task(taskAt(101))).toMatchObject({ status: 'pending' });
      expect(await store.task(taskAt(107))).toMatchObject({ status: 'failed', reason: 'reorged' });
      expect(await store.task(taskAt(104))).toMatchObject({ status: 'pending' });
      expect((await store.cursor(OTHER))?.number).toBe(5);
    });
    expect((await verifyStore(folder.path)).problems).toEqual([]);
  });

  test.each([
    ['that was not reached', 110, /was not read further/],
    ['before all that are kept', 42, /no block at or below that one is kept/],
  ])('error: to a block %s, and nothing is changed', async (_case, to, message) => {
    await fill();
    const before = await recordsOf(folder.path);
    await expect(rewindChain({ dir: folder.path, chain: 1, to }, collectingTerminal())).rejects.toMatchObject(
      {
        code: 'USAGE',
        message: expect.stringMatching(message),
      },
    );
    expect(await recordsOf(folder.path)).toEqual(before);
  });

  test('error: in the store of an executor', async () => {
    await makeExecutorStore(folder.path, 1);
    const rewinding = rewindChain({ dir: folder.path, chain: 1, to: 105 }, collectingTerminal());
    await expect(rewinding).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });

  test('error: while a node uses the store', async () => {
    await fill();
    const rewinding = withStore(() =>
      rewindChain({ dir: folder.path, chain: 1, to: 105 }, collectingTerminal()),
    );
    await expect(rewinding).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });
});

describe('storage chain forget', () => {
  test('default: the chain has no cursor, unfinished tasks are failed as reorged, finished ones stay', async () => {
    await fill();
    const terminal = collectingTerminal();
    await forgetChain({ dir: folder.path, chain: 1, json: true }, terminal);
    expect(JSON.parse(terminal.stdout())).toEqual({ chainId: 1, from: 110, orphaned: 9 });
    await withStore(async (store) => {
      expect(await store.cursor(L1)).toBeUndefined();
      expect(await store.task(taskAt(101))).toMatchObject({ status: 'completed' });
      expect(await store.task(taskAt(104))).toMatchObject({ status: 'failed', reason: 'reorged' });
      expect(await store.unfinishedTasks()).toHaveLength(1);
    });
    expect((await verifyStore(folder.path)).problems).toEqual([]);
  });
});
