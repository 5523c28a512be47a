/** Threat 12: blocks are replaced, with tasks and results in them, also deeper than the node follows by itself. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { chainId } from '../../src/base/brands.js';
import { createTaskMailbox, type TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { forgetChain, rewindChain } from '../../src/operations/storage/rewind-chain.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { claimStore } from '../../src/store/store-schema.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  type LogLine,
} from '../support/aggregator-devnet.js';
import { deferred } from '../support/deferred.js';
import type { ScriptedExecutor } from '../support/scripted-executor.js';
import { stopMining } from '../support/stop-mining.js';
import { collectingTerminal } from '../support/storage-stage.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const L1 = 31_337;
const L2 = 31_338;

let world: AggregatorDevnet;
let folder: TemporaryFolder;
let ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
  // However long a block takes to come: no deadline passes while nothing is mined.
  for (const id of [L1, L2]) await rpc(id, 'anvil_setBlockTimestampInterval', 1);
}, 120_000);
afterAll(async () => {
  await world?.close();
}, 60_000);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  for (const id of [L1, L2]) await world.client(id).request('evm_setIntervalMining', [1]);
  for (const end of ends.splice(0)) await end();
  await world.reset();
  await folder.remove();
}, 60_000);

type Change = Partial<AggregatorConfig['chains'][number]>;

/** An aggregator on a real store, with this change of a chain's configuration; `end` stops it. */
async function start(id: number = L1, change: Change = {}) {
  const values = await openLevelStore({ dir: folder.path, syncWrites: false });
  await claimStore(values, 'aggregator');
  const store: AggregatorStore = createAggregatorStore(values);
  let aggregator: Aggregator | undefined;
  const end = async () => {
    await aggregator?.close(0);
    await values.close();
  };
  ends.push(end);
  aggregator = await world.startAggregator({
    store,
    change: (config) => ({
      ...config,
      chains: config.chains.map((chain) => (chain.chainId === id ? { ...chain, ...change } : chain)),
    }),
  });
  const stop = async () => {
    ends = ends.filter((other) => other !== end);
    await end();
  };
  return { aggregator, store, stop };
}

const rpc = (id: number, method: string, ...params: unknown[]) => world.client(id).request(method, params);
const mine = (id: number, blocks: number) => rpc(id, 'anvil_mine', `0x${blocks.toString(16)}`);
const headOf = async (id: number) => (await world.client(id).head()).number;
const ofTask = (task: TaskCreatedEvent, message: string) => (line: LogLine) =>
  line.message === message && line.fields.taskId === task.taskId;
const count = (task: TaskCreatedEvent, message: string) => world.log.filter(ofTask(task, message)).length;
const created = async (id: number, payload: string): Promise<TaskCreatedEvent> => {
  const [task] = await world.createTasks(id, BN254_SET, [payload]);
  if (task === undefined) throw new Error('no task');
  return task;
};
const paid = async (id: number) =>
  Number(await rpc(id, 'eth_getTransactionCount', world.cast.aggregator.address, 'latest'));

async function isPooled(id: number): Promise<boolean> {
  const { pending } = (await rpc(id, 'txpool_status')) as { pending: string };
  return Number(pending) > 0;
}

/** Executors answer when the returned function is called. */
function holdExecutors(): () => void {
  const gate = deferred();
  for (const executor of world.executors) {
    executor.answer = async (submission) => {
      await gate.promise;
      return executor.honest(submission);
    };
  }
  return () => gate.resolve();
}

/** Replaces all blocks from this one on; the task is created anew in the block `later` blocks after it. */
async function replaceFrom(id: number, block: number, returning?: { task: TaskCreatedEvent; later: number }) {
  await rpc(id, 'evm_setIntervalMining', 0);
  const depth = (await headOf(id)) - block + 1;
  const pairs =
    returning === undefined
      ? []
      : [[await rpc(id, 'eth_getRawTransactionByHash', returning.task.log.transactionHash), returning.later]];
  await rpc(id, 'anvil_reorg', depth, pairs);
  return depth;
}

describe('a task whose block is replaced', () => {
  test.each([1, 5])(
    'behavior: it vanished %i blocks deep: failed as reorged, and nothing is paid for it',
    async (depth) => {
      const release = holdExecutors();
      const { store } = await start();
      const before = await paid(L1);
      await stopMining(world.client(L1));
      const creating = created(L1, `vanishes ${depth}`);
      await until('the task waits for a block', () => isPooled(L1), LONG_MS);
      await mine(L1, 1);
      const task = await creating;
      await world.logged(ofTask(task, 'task sent'));
      if (depth > 1) await mine(L1, depth - 1);
      expect(await replaceFrom(L1, task.log.blockNumber)).toBe(depth);
      await mine(L1, 1);
      await world.logged(ofTask(task, 'task cancelled: its block is no longer on the chain'));
      release();
      expect(await store.task({ chainId: chainId(L1), taskId: task.taskId })).toMatchObject({
        status: 'failed',
        reason: 'reorged',
      });
      expect(await world.status(L1, task)).toBe(TaskStatus.none);
      expect(await paid(L1)).toBe(before);
      expect(count(task, 'task submitted')).toBe(0);
    },
    60_000,
  );

  test('behavior: it returns in a later block while it is worked on: finished with that block, paid for once', async () => {
    const release = holdExecutors();
    const { store } = await start();
    const before = await paid(L1);
    const task = await created(L1, 'returns');
    await world.logged(ofTask(task, 'task sent'));
    await rpc(L1, 'evm_setIntervalMining', 0);
    await mine(L1, 3);
    // So that the new deadline differs: a reorg takes increases of the time back, but not this.
    await rpc(L1, 'anvil_setBlockTimestampInterval', 7);
    await replaceFrom(L1, task.log.blockNumber, { task, later: 2 });
    await rpc(L1, 'anvil_setBlockTimestampInterval', 1);
    await mine(L1, 1);
    await world.logged(ofTask(task, 'task cancelled: its block is no longer on the chain'));
    await world.logged(() => count(task, 'task sent') === 2);
    const blockAsked = ({ submissions }: ScriptedExecutor) => Number(submissions.at(-1)?.taskBlockNumber);
    // Those who are not needed to certify are not asked any more once the others have answered.
    await until(
      'everybody is asked with the new block',
      () => world.executors.every((executor) => blockAsked(executor) > task.log.blockNumber),
      LONG_MS,
    );
    await rpc(L1, 'evm_setIntervalMining', 1);
    release();
    await world.verifiedAt(L1, task);
    await world.logged(ofTask(task, 'task verified'));
    const mailbox = createTaskMailbox(world.client(L1), world.state.mailbox);
    const stored = await store.task({ chainId: chainId(L1), taskId: task.taskId });
    const block = await world.client(L1).block(stored?.blockNumber ?? task.log.blockNumber);
    expect(stored).toMatchObject({ status: 'completed', attempts: 1 });
    expect(stored?.blockNumber).toBeGreaterThan(task.log.blockNumber);
    expect(stored?.blockHash).toBe(block?.hash);
    const { creationTimeSeconds, config } = await mailbox.getTaskInfo(task.taskId, 'latest');
    expect(stored?.deadlineSeconds).toBe(creationTimeSeconds + config.taskSlaSeconds);
    expect(stored?.deadlineSeconds).not.toBe(task.deadlineSeconds);
    expect(await paid(L1)).toBe(before + 1);
    for (const executor of world.executors) expect(blockAsked(executor)).toBe(stored?.blockNumber);
  }, 60_000);
});

describe('a result whose block is replaced', () => {
  test.each([
    ['at the head', 0],
    ['above the cursor, which waits for confirmations, before it gets there', 5],
  ])(
    'behavior: %s: the task is taken up again, and verified',
    async (_case, blockConfirmations) => {
      const release = holdExecutors();
      const { store } = await start(L1, { blockConfirmations });
      const task = await created(L1, `taken back ${blockConfirmations}`);
      await world.logged(ofTask(task, 'task sent'));
      // From here on blocks come when they are needed: the cursor gets no nearer to the result, however long this takes.
      await stopMining(world.client(L1));
      release();
      await until('the result waits for a block', () => isPooled(L1), LONG_MS);
      await mine(L1, 1);
      const block = await world.verifiedAt(L1, task);
      await world.logged(ofTask(task, 'task verified'));
      await replaceFrom(L1, block);
      expect(await world.status(L1, task)).toBe(TaskStatus.created);
      await mine(L1, 1);
      await world.logged(
        ofTask(task, 'the block with the result of a task was replaced; the task is taken up again'),
      );
      const cursor = await store.cursor(chainId(L1));
      if (blockConfirmations > 0) expect(cursor?.number).toBeLessThan(block);
      await rpc(L1, 'evm_setIntervalMining', 1);
      await world.logged(() => count(task, 'task verified') === 2);
      expect(await world.status(L1, task)).toBe(TaskStatus.verified);
      expect(await store.task({ chainId: chainId(L1), taskId: task.taskId })).toMatchObject({
        status: 'completed',
      });
    },
    60_000,
  );
});

describe('a reorg that is deeper than allowed', () => {
  async function healthOf(service: string): Promise<string> {
    const watching = world.log.filter(({ message }) => message === 'aggregator is watching').at(-1);
    const channel = createChannel(`127.0.0.1:${watching?.fields.managementPort}`);
    try {
      const { status } = await createClient(HealthDefinition, channel).check({ service });
      return status === 1 ? 'SERVING' : 'NOT_SERVING';
    } finally {
      channel.close();
    }
  }

  test.each([
    ['rewind', async (to: number) => rewindChain({ dir: folder.path, chain: L2, to }, collectingTerminal())],
    ['forget', async () => forgetChain({ dir: folder.path, chain: L2 }, collectingTerminal())],
  ])(
    'error: the chain stops, others go on, and `ponos storage chain %s` lets it be followed again',
    async (_act, act) => {
      holdExecutors();
      const { store, stop } = await start(L2, { maxReorgDepth: 3 });
      expect(await healthOf(`ponos.chain.${L2}`)).toBe('SERVING');
      const task = await created(L2, 'deep');
      await world.logged(ofTask(task, 'task sent'));
      await rpc(L2, 'evm_setIntervalMining', 0);
      await mine(L2, 4);
      await cursorAt(store, await headOf(L2));
      await replaceFrom(L2, task.log.blockNumber, { task, later: 1 });
      await mine(L2, 1);

      const line = await world.logged(({ message }) =>
        message.startsWith('a chain is not followed any more'),
      );
      expect(line.fields).toMatchObject({
        chainId: L2,
        error: {
          code: 'CHAIN_REORG_TOO_DEEP',
          facts: { maxReorgDepth: 3, ancestor: task.log.blockNumber - 1 },
        },
      });
      await world.logged(ofTask(task, 'task interrupted; it is taken up again at the next start'));
      expect(await healthOf(`ponos.chain.${L2}`)).toBe('NOT_SERVING');
      expect(await healthOf(`ponos.chain.${L1}`)).toBe('SERVING');
      expect(await healthOf('')).toBe('NOT_SERVING');
      await world.reset();
      await world.verifiedAt(L1, await created(L1, 'meanwhile'));
      expect((await store.unfinishedTasks()).map(({ taskId }) => taskId)).toContain(task.taskId);
      await stop();

      await act(task.log.blockNumber - 1);
      await start(L2, { maxReorgDepth: 3 });
      await rpc(L2, 'evm_setIntervalMining', 1);
      await world.verifiedAt(L2, task);
      expect(await healthOf(`ponos.chain.${L2}`)).toBe('SERVING');
    },
    90_000,
  );

  /** Resolves when the node has read the chain up to a block. */
  async function cursorAt(store: AggregatorStore, number: number) {
    while (((await store.cursor(chainId(L2)))?.number ?? 0) < number) await new Promise(setImmediate);
  }
});
