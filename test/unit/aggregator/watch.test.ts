import { describe, expect, test } from '@jest/globals';
import { recentBlocks, Watch } from '../../../src/aggregator/watch.js';
import { type Address, blockNumber, chainId, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { fromHex, type toHex } from '../../../src/base/bytes.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { Block, ChainLog } from '../../../src/chain/block.js';
import { TASK_CREATED_TOPIC, TASK_MAILBOX_ABI } from '../../../src/chain/contracts/task-mailbox.js';
import { REORGED } from '../../../src/store/aggregator-records.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock } from '../../support/manual-clock.js';
import { AVS, operatorAddress } from './world.js';

const CHAIN = chainId(31_337);
const MAILBOX = operatorAddress(77);
const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const taskId = (n: number) => parseTaskId(hash(n + 1_000));
const block = (number: number): Block => ({
  number: blockNumber(number),
  hash: hash(number),
  parentHash: hash(number - 1),
  timestampSeconds: 1_000 + number,
  baseFeePerGas: undefined,
});

function createdLog(n: number, inBlock: number, avs: Address = AVS): ChainLog {
  const values = [AVS, taskId(n), avs, 1, 900, AVS, 0, 1_100 + n, '0x07'];
  const { data, topics } = TASK_MAILBOX_ABI.interface.encodeEventLog('TaskCreated', values);
  return {
    address: MAILBOX,
    topics: topics.map((topic) => parseHash32(String(topic))),
    data: fromHex(data as ReturnType<typeof toHex>),
    blockNumber: blockNumber(inBlock),
    blockHash: hash(inBlock),
    transactionHash: hash(n),
    logIndex: n,
  };
}

type IsVerified = ConstructorParameters<typeof Watch>[0]['isVerified'];

function world(change: { store?: Partial<AggregatorStore>; isVerified?: IsVerified } = {}) {
  const store = createAggregatorStore(createMemoryStore());
  const taken: string[] = [];
  const reorged: string[] = [];
  const health: boolean[] = [];
  const read: string[] = [];
  const state = { isDeregistered: false };
  const watch = new Watch({
    chainId: CHAIN,
    client: {
      block: async (which) => {
        read.push(String(which));
        return block(Number(which));
      },
    },
    store: { ...store, ...change.store },
    isVerified: change.isVerified ?? (async () => true),
    isServed: (avs) => avs === AVS && !state.isDeregistered,
    finishes: (avs) => avs === AVS,
    onTasks: (tasks) => taken.push(...tasks.map((task) => task.taskId)),
    onReorged: (tasks) => reorged.push(...tasks.map((task) => task.taskId)),
    onStoreHealth: (works) => health.push(works),
    nowSeconds: () => 1_050,
    clock: manualClock(),
    logger: silentLogger,
  });
  const blocks = (number: number, logs: readonly ChainLog[]) =>
    watch.blocks({ fromBlock: blockNumber(number), toBlock: block(number), logs, recent: [] });
  return { watch, store, state, taken, reorged, health, read, blocks };
}

describe('Watch', () => {
  test('default: the tasks of a block are saved with the cursor, then handed on', async () => {
    const { blocks, store, taken, read } = world();
    await blocks(5, [createdLog(1, 5), createdLog(2, 5)]);
    expect(taken).toEqual([taskId(1), taskId(2)]);
    expect((await store.cursor(CHAIN))?.number).toBe(5);
    expect(await store.task({ chainId: CHAIN, taskId: taskId(1) })).toMatchObject({
      avs: AVS,
      operatorSetId: 1,
      referenceTimestamp: 900,
      deadlineSeconds: 1_101,
      blockTimestampSeconds: 1_005,
      status: 'pending',
    });
    expect(read).toEqual([]);
  });

  test('behavior: a log that does not decode is counted, and its neighbours are taken', async () => {
    const { blocks, watch, taken, store } = world();
    const broken = { ...createdLog(1, 5), data: new Uint8Array(7) };
    await blocks(5, [broken, createdLog(2, 5)]);
    expect(taken).toEqual([taskId(2)]);
    expect(watch.undecodableLogs).toBe(1);
    expect((await store.cursor(CHAIN))?.number).toBe(5);
  });

  test('behavior: tasks of an AVS that is not configured are passed over', async () => {
    const { blocks, taken } = world();
    await blocks(5, [createdLog(1, 5, operatorAddress(3))]);
    expect(taken).toEqual([]);
  });

  test('behavior: catching up, a task gets the time of its own block', async () => {
    const { blocks, store, read } = world();
    await blocks(900, [createdLog(1, 850), createdLog(2, 850), createdLog(3, 900)]);
    expect(read).toEqual([hash(850)]);
    expect((await store.task({ chainId: CHAIN, taskId: taskId(2) }))?.blockTimestampSeconds).toBe(1_850);
  });

  test('behavior: a block that comes again brings no task twice', async () => {
    const { blocks, taken } = world();
    await blocks(5, [createdLog(1, 5)]);
    await blocks(5, [createdLog(1, 5)]);
    expect(taken).toEqual([taskId(1)]);
  });

  test('behavior: tasks of orphaned blocks are undone, and revived when they are mined again', async () => {
    const { blocks, watch, store, taken, reorged } = world();
    await blocks(4, []);
    await blocks(5, [createdLog(1, 5)]);
    const ancestor = { number: blockNumber(4), hash: hash(4) };
    await watch.reorg({
      ancestor,
      orphaned: [{ number: blockNumber(5), hash: hash(5) }],
      recent: [ancestor],
    });
    expect(reorged).toEqual([taskId(1)]);
    expect((await store.task({ chainId: CHAIN, taskId: taskId(1) }))?.reason).toBe(REORGED);
    await blocks(6, [createdLog(1, 6)]);
    expect(taken).toEqual([taskId(1), taskId(1)]);
    expect((await recentBlocks(store, CHAIN)).map(({ number }) => number)).toEqual([4, 6]);
  });

  test('behavior: of a deregistered AVS a task that was taken is revived when it is mined again, and no other is taken', async () => {
    const { blocks, watch, state, taken, reorged } = world();
    await blocks(5, []);
    await blocks(6, [createdLog(1, 6)]);
    state.isDeregistered = true;
    await watch.reorg({ ancestor: block(5), orphaned: [block(6)], recent: [] });
    expect(reorged).toEqual([taskId(1)]);
    await blocks(6, [createdLog(1, 6), createdLog(2, 6)]);
    expect(taken).toEqual([taskId(1), taskId(1)]);
  });

  test('behavior: a task is taken up again when only the block with its result was orphaned', async () => {
    const { blocks, watch, store, taken, reorged } = world();
    await blocks(4, [createdLog(1, 4)]);
    await blocks(5, []);
    const key = { chainId: CHAIN, taskId: taskId(1) };
    await store.updateTask(key, { status: 'completed', settledAtBlock: blockNumber(5), updatedAtMs: 1 });
    const ancestor = { number: blockNumber(4), hash: hash(4) };
    await watch.reorg({
      ancestor,
      orphaned: [{ number: blockNumber(5), hash: hash(5) }],
      recent: [ancestor],
    });
    expect(reorged).toEqual([]);
    expect(taken).toEqual([taskId(1), taskId(1)]);
    expect((await store.task(key))?.status).toBe('pending');
  });

  describe('a result that counted at the head', () => {
    /** Task 1, of block 4, with its result in block 6 at the latest; the cursor is at block 4. */
    async function settled(isVerified: IsVerified) {
      const asked: string[] = [];
      const all = world({
        isVerified: (id, at) => {
          asked.push(`${id === taskId(1)} at ${at}`);
          return isVerified(id, at);
        },
      });
      await all.blocks(4, [createdLog(1, 4)]);
      const key = { chainId: CHAIN, taskId: taskId(1) };
      await all.store.updateTask(key, {
        status: 'completed',
        settledAtBlock: blockNumber(6),
        updatedAtMs: 1,
      });
      all.taken.length = 0;
      return { ...all, asked, status: async () => (await all.store.task(key))?.status };
    }

    test('default: the chain is asked once more when the cursor reaches its block', async () => {
      const { blocks, asked, status, taken } = await settled(async () => true);
      await blocks(5, []);
      expect(asked).toEqual([]);
      await blocks(6, []);
      await blocks(7, []);
      expect(asked).toEqual(['true at 6']);
      expect(await status()).toBe('completed');
      expect(taken).toEqual([]);
    });

    test('behavior: it was taken back meanwhile: the task is taken up again with the block', async () => {
      const { blocks, status, taken, store } = await settled(async () => false);
      await blocks(7, [createdLog(2, 7)]);
      expect(await status()).toBe('pending');
      expect(taken).toEqual([taskId(2), taskId(1)]);
      expect((await store.cursor(CHAIN))?.number).toBe(7);
    });

    test('behavior: a node without the state of that block is asked at its head', async () => {
      const { blocks, asked, status } = await settled(async (_id, at) => {
        if (at !== 'latest') throw new PonosError('CHAIN_NO_HISTORY', { message: 'pruned' });
        return true;
      });
      await blocks(900, []);
      expect(asked).toEqual(['true at 900', 'true at latest']);
      expect(await status()).toBe('completed');
    });

    test('error: while the chain cannot be asked the cursor stays', async () => {
      const down = new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
      const { blocks, store, status } = await settled(async () => {
        throw down;
      });
      await expect(blocks(6, [])).rejects.toBe(down);
      expect((await store.cursor(CHAIN))?.number).toBe(4);
      expect(await status()).toBe('completed');
    });

    test('behavior: blocks above the cursor were replaced: it is asked at the head at once', async () => {
      const { watch, asked, status, taken } = await settled(async () => false);
      await watch.tipReplaced();
      expect(asked).toEqual(['true at latest']);
      expect(await status()).toBe('pending');
      expect(taken).toEqual([taskId(1)]);
      await watch.tipReplaced();
      expect(asked).toHaveLength(1);
    });
  });

  test('error: when the store fails nothing is handed on, and the node is not healthy until it works', async () => {
    const full = new PonosError('STORE_UNAVAILABLE', { message: 'disk full' });
    let works = false;
    const { blocks, taken, health } = world({
      store: {
        saveBlock: async () => {
          if (!works) throw full;
          return [];
        },
      },
    });
    await expect(blocks(5, [createdLog(1, 5)])).rejects.toBe(full);
    works = true;
    await blocks(5, [createdLog(1, 5)]);
    expect(taken).toEqual([]);
    expect(health).toEqual([false, true]);
  });

  test("error: a store that cannot be read is one that does not work: somebody else's write may have failed before", async () => {
    const full = new PonosError('STORE_UNAVAILABLE', { message: 'disk full' });
    const { blocks, watch, health, store } = world({
      store: {
        cursor: async () => {
          throw full;
        },
      },
    });
    await expect(blocks(5, [createdLog(1, 5)])).rejects.toBe(full);
    await expect(watch.tipReplaced()).rejects.toBe(full);
    expect(health).toEqual([false, false]);
    expect(await store.cursor(CHAIN)).toBeUndefined();
  });

  test('default: the follower asks for this topic', () => {
    expect(createdLog(1, 1).topics[0]).toBe(TASK_CREATED_TOPIC);
  });
});
