import { describe, expect, test } from '@jest/globals';
import { type BackfillOptions, backfill } from '../../../src/aggregator/backfill.js';
import { Watch } from '../../../src/aggregator/watch.js';
import { type Address, blockNumber, chainId, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { fromHex, type toHex } from '../../../src/base/bytes.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createOutcome } from '../../../src/base/outcome.js';
import type { Block, ChainLog } from '../../../src/chain/block.js';
import { TASK_CREATED_TOPIC, TASK_MAILBOX_ABI } from '../../../src/chain/contracts/task-mailbox.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock } from '../../support/manual-clock.js';
import { AVS, operatorAddress } from './world.js';

const CHAIN = chainId(31_337);
const MAILBOX = operatorAddress(77);
const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const taskId = (n: number) => parseTaskId(hash(n + 1_000));
const block = (number: number, fork = 0): Block => ({
  number: blockNumber(number),
  hash: hash(number + fork),
  parentHash: hash(number - 1 + fork),
  timestampSeconds: 1_000 + number,
  baseFeePerGas: undefined,
});

function createdLog(n: number, inBlock: number, deadlineSeconds = 5_000): ChainLog {
  const values = [AVS, taskId(n), AVS, 1, 900, AVS, 0, deadlineSeconds, '0x07'];
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

/** The options, with parts that a test replaces. */
interface Editable extends BackfillOptions {
  readonly client: { -readonly [Key in keyof BackfillOptions['client']]: BackfillOptions['client'][Key] };
  readonly store: { -readonly [Key in keyof BackfillOptions['store']]: BackfillOptions['store'][Key] };
}

/** A chain whose head is block 100, followed to it without the AVS, with tasks of the AVS in these logs. */
async function world(logs: readonly ChainLog[], values: KeyValueStore = createMemoryStore()) {
  const store: AggregatorStore = createAggregatorStore(values);
  if ((await store.cursor(CHAIN)) === undefined) await store.saveBlock(CHAIN, block(100), []);
  const taken: string[] = [];
  const ranges: [number, number][] = [];
  const filters: unknown[] = [];
  const fork = { from: Number.POSITIVE_INFINITY };
  const clock = manualClock();
  const served = { isServed: true };
  const isServed = (avs: Address) => served.isServed && avs === AVS;
  const watch = new Watch({
    chainId: CHAIN,
    client: {
      block: async (which) => {
        const number = Number(which);
        return block(number, number >= fork.from ? 500_000 : 0);
      },
    },
    store,
    isVerified: async () => true,
    isServed,
    finishes: (avs) => avs === AVS,
    onTasks: (tasks) => taken.push(...tasks.map((task) => task.taskId)),
    onReorged: () => undefined,
    onStoreHealth: () => undefined,
    nowSeconds: () => 2_000,
    clock,
    logger: silentLogger,
  });
  const options: Editable = {
    client: {
      chainId: CHAIN,
      head: async () => block(100),
      logs: async (filter, place) => {
        filters.push(filter);
        if (!('fromBlock' in place)) throw new Error('a range was expected');
        ranges.push([place.fromBlock, place.toBlock]);
        return logs.filter((log) => log.blockNumber >= place.fromBlock && log.blockNumber <= place.toBlock);
      },
    },
    mailbox: MAILBOX,
    maxBlockRange: 20,
    findStart: async () => blockNumber(41),
    store: { ...store },
    watch,
    isServed,
    clock,
    logger: silentLogger,
  };
  const stop = new AbortController();
  const run = () => backfill(AVS, options, stop.signal);
  return { store, taken, ranges, filters, fork, clock, served, watch, stop, options, run };
}

describe('back-filling', () => {
  test('default: living tasks of blocks that were followed before are taken up, once', async () => {
    const { run, taken, ranges, filters, store } = await world([
      createdLog(1, 45),
      createdLog(2, 100),
      createdLog(3, 50, 1_999),
      createdLog(4, 30),
    ]);
    await run();
    expect(taken).toEqual([taskId(1), taskId(2)]);
    expect(ranges).toEqual([
      [41, 60],
      [61, 80],
      [81, 100],
    ]);
    expect(filters[0]).toEqual({
      addresses: [MAILBOX],
      topics: [TASK_CREATED_TOPIC, null, null, `0x${'0'.repeat(24)}${AVS.slice(2)}`],
    });
    expect(await store.avss.backfill(CHAIN, AVS)).toMatchObject({ next: 101, last: 100 });
    expect(await store.task({ chainId: CHAIN, taskId: taskId(1) })).toMatchObject({
      status: 'pending',
      blockNumber: 45,
      blockTimestampSeconds: 1_045,
    });
    await run();
    expect(ranges).toHaveLength(3);
  });

  test('behavior: killed on the way, it goes on from what is stored', async () => {
    const values = createMemoryStore();
    const killed = new Error('killed');
    const first = await world([createdLog(1, 45), createdLog(2, 90)], values);
    first.options.client.logs = async (_filter, place) => {
      if ('fromBlock' in place && place.fromBlock > 41) throw killed;
      return [createdLog(1, 45)];
    };
    await expect(first.run()).rejects.toBe(killed);
    expect(first.taken).toEqual([taskId(1)]);
    await first.store.saveBlock(CHAIN, block(130), []);
    const second = await world([createdLog(1, 45), createdLog(2, 90)], values);
    await second.run();
    expect(second.ranges).toEqual([
      [61, 80],
      [81, 100],
    ]);
    expect(second.taken).toEqual([taskId(2)]);
  });

  test('behavior: ended while an endpoint does not answer, it ends at once and stores nothing more', async () => {
    const { run, stop, options, store, ranges, taken } = await world([createdLog(1, 45)]);
    const { logs } = options.client;
    const asked = createOutcome<void>();
    const answer = createOutcome<void>();
    options.client.logs = async (...asking) => {
      if (ranges.length === 1) {
        asked.resolve();
        await answer.promise;
      }
      return logs(...asking);
    };
    const running = run();
    await asked.promise;
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    answer.resolve();
    await answer.promise;
    expect(taken).toEqual([taskId(1)]);
    expect(await store.avss.backfill(CHAIN, AVS)).toMatchObject({ next: 61, last: 100 });
  });

  test('behavior: ended before it knows where to begin, it stores nothing', async () => {
    const { run, stop, options, store } = await world([]);
    options.client.head = async () => {
      stop.abort();
      return block(100);
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await store.avss.backfill(CHAIN, AVS)).toBeUndefined();
  });

  test('behavior: a task that is known already is not taken twice', async () => {
    const { run, taken, watch } = await world([createdLog(1, 45)]);
    await watch.blocks({
      fromBlock: blockNumber(45),
      toBlock: block(45),
      logs: [createdLog(1, 45)],
      recent: [],
    });
    await run();
    expect(taken).toEqual([taskId(1)]);
  });

  test('behavior: what comes while it begins is followed with the AVS, and is not read again', async () => {
    const { run, watch, store, ranges } = await world([]);
    const following = watch.blocks({
      fromBlock: blockNumber(101),
      toBlock: block(120),
      logs: [],
      recent: [],
    });
    await run();
    await following;
    expect(ranges.at(-1)).toEqual([101, 120]);
    expect((await store.avss.backfill(CHAIN, AVS))?.last).toBe(120);
  });

  test('behavior: a chain that was never followed has nothing to read', async () => {
    const { run, options, ranges, store } = await world([createdLog(1, 45)]);
    options.store.cursor = async () => undefined;
    await run();
    expect(ranges).toEqual([]);
    expect(await store.avss.backfill(CHAIN, AVS)).toMatchObject({ next: 1, last: 0 });
  });

  test('behavior: a log of a block that was replaced is read again', async () => {
    const { run, fork, options, clock, taken } = await world([]);
    fork.from = 45;
    let asked = 0;
    options.client.logs = async (_filter, place) => {
      if (!('fromBlock' in place) || place.fromBlock > 60) return [];
      asked += 1;
      return asked === 1 ? [createdLog(1, 45)] : [{ ...createdLog(1, 46), blockHash: hash(500_046) }];
    };
    const running = run();
    await clock.advance(1_000);
    await running;
    expect([asked, taken]).toEqual([2, [taskId(1)]]);
  });

  test('behavior: ranges that an endpoint refuses are halved', async () => {
    const { run, options, clock, taken, ranges } = await world([createdLog(1, 45)]);
    const read = options.client.logs;
    options.client.logs = async (filter, place) => {
      if ('fromBlock' in place && place.toBlock - place.fromBlock >= 10)
        throw new PonosError('CHAIN_RPC', { message: 'too many results' });
      return read(filter, place);
    };
    const running = run();
    for (let round = 0; round < 20; round++) await clock.advance(5_000);
    await running;
    expect(taken).toEqual([taskId(1)]);
    expect(ranges[0]).toEqual([41, 50]);
    expect(ranges.at(-1)?.[1]).toBe(100);
  });

  test('behavior: it ends when the AVS is deregistered on the way, and takes nothing more', async () => {
    const { run, options, served, taken, ranges } = await world([createdLog(1, 45), createdLog(2, 90)]);
    const read = options.client.logs;
    options.client.logs = async (filter, place) => {
      const logs = await read(filter, place);
      if (ranges.length === 2) served.isServed = false;
      return logs;
    };
    await run();
    expect([ranges.length, taken]).toEqual([2, [taskId(1)]]);
  });

  test('error: a node that stops ends it', async () => {
    const { run, options, stop } = await world([createdLog(1, 45)]);
    options.client.head = () => {
      stop.abort();
      return Promise.reject(new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' }));
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
