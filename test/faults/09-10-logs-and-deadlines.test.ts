/** Threats 9 and 10: logs that make no sense or are left out, and deadlines of tasks that share a block. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { Following } from '../../src/aggregator/following.js';
import { openChain } from '../../src/aggregator/open-chain.js';
import { openServedAvss } from '../../src/aggregator/served-avss.js';
import { chainId, parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { TASK_CREATED_TOPIC, type TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { CURVE_TYPE } from '../../src/crypto/curve.js';
import { TASK_HOOK_ADDRESS, TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import { ConsensusType, TaskStatus } from '../../src/protocol/enums.js';
import { loadTransactionKey } from '../../src/signer/load-signers.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { administer } from '../support/administer.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  ECDSA_SET,
  type LogLine,
} from '../support/aggregator-devnet.js';
import { deferred } from '../support/deferred.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { emptyLogs } from '../support/fault-proxy-faults.js';
import { LOG_EMITTER_CODE } from '../support/log-emitter.js';
import { stopMining } from '../support/stop-mining.js';

const L1 = 31_337;

let world: AggregatorDevnet;
let proxy: FaultProxy;
const running: Aggregator[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
  proxy = await startFaultProxy([world.state.chains.find((chain) => chain.chainId === L1)?.url ?? '']);
}, 120_000);
afterAll(async () => {
  await proxy?.close();
  await world?.close();
}, 60_000);
afterEach(async () => {
  await rpc('evm_setIntervalMining', 1);
  proxy.heal();
  await Promise.all(running.splice(0).map((aggregator) => aggregator.close(0)));
  await world.reset();
}, 60_000);

const rpc = (method: string, ...params: unknown[]) => world.client(L1).request(method, params);
const ofTask = (task: TaskCreatedEvent, message: string) => (line: LogLine) =>
  line.message === message && line.fields.taskId === task.taskId;

/** An aggregator that reaches L1 through the proxy. */
async function start() {
  const store = createAggregatorStore(createMemoryStore());
  const aggregator = await world.startAggregator({
    store,
    change: (config) => ({
      ...config,
      chains: config.chains.map((chain) =>
        chain.chainId === L1 ? { ...chain, rpcUrls: [proxy.url] } : chain,
      ),
    }),
  });
  running.push(aggregator);
  return store;
}

async function created(operatorSetId: number, payload: string): Promise<TaskCreatedEvent> {
  const [task] = await world.createTasks(L1, operatorSetId, [payload]);
  if (task === undefined) throw new Error('no task');
  return task;
}

describe('logs', () => {
  test('error: one that does not decode is told of and skipped, and the cursor goes on', async () => {
    const store = await start();
    const { mailbox } = world.state;
    const from = world.cast.user.address;
    await stopMining(world.client(L1));
    const code = await rpc('eth_getCode', mailbox, 'latest');
    await rpc('anvil_setCode', mailbox, LOG_EMITTER_CODE);
    await rpc('anvil_impersonateAccount', from);
    const data = `${TASK_CREATED_TOPIC}${'5a'.repeat(77)}`;
    await rpc('eth_sendTransaction', { from, to: mailbox, data, gas: '0x186a0' });
    await rpc('anvil_mine', '0x1');
    const { number } = await world.client(L1).head();
    await rpc('anvil_setCode', mailbox, code);
    await rpc('anvil_stopImpersonatingAccount', from);
    const skipped = ({ message }: LogLine) => message === 'a log of the mailbox was skipped';
    expect((await world.logged(skipped)).fields).toMatchObject({ chainId: L1, block: number });
    await rpc('evm_setIntervalMining', 1);
    await world.verifiedAt(L1, await created(BN254_SET, 'after nonsense'));
    expect(world.log.filter(skipped)).toHaveLength(1);
    expect((await store.cursor(chainId(L1)))?.number).toBeGreaterThan(number);
  }, 60_000);

  test('behavior: those that an endpoint leaves out of a new block are found in its receipts', async () => {
    const store = await start();
    await stopMining(world.client(L1));
    const { number } = await world.client(L1).head();
    while ((await store.cursor(chainId(L1)))?.number !== number) await new Promise(setImmediate);
    const left = proxy.set(emptyLogs, { methods: ['eth_getLogs'] });
    const creating = created(BN254_SET, 'left out');
    await pooled(1);
    await rpc('anvil_mine', '0x1');
    const task = await creating;
    await world.logged(ofTask(task, 'task taken'));
    expect(left.hits).toBe(1);
    expect(
      world.log.filter(({ message }) => message.startsWith('an endpoint has left out logs of a new block')),
    ).toHaveLength(1);
    await rpc('evm_setIntervalMining', 1);
    await world.verifiedAt(L1, task);
  }, 60_000);

  test('behavior: one follower reads them for all AVSs: fifty cost no request more than one', async () => {
    const count = async (avss: number) => {
      const stop = new AbortController();
      const store = createAggregatorStore(createMemoryStore());
      const [chain] = world.config.chains.filter((candidate) => candidate.chainId === L1);
      if (chain === undefined) throw new Error('no L1');
      const { number: head } = await world.client(L1).head();
      const opened = await openChain(
        {
          config: world.config,
          chain: { ...chain, rpcUrls: [proxy.url], startBlock: head as typeof chain.startBlock },
          signer: await loadTransactionKey(world.config.operator.operatorPrivateKey, {
            clock: systemClock,
            logger: silentLogger,
          }),
          store,
          clock: systemClock,
          logger: silentLogger,
        },
        stop.signal,
      );
      const configured = Array.from({ length: avss }, (_, index) => ({
        avs: parseAddress(`0x${(index + 1).toString(16).padStart(40, '0')}`),
        chainIds: [opened.chainId],
      }));
      const served = await openServedAvss({
        configured,
        chainIds: [opened.chainId],
        store,
        endReading: (avs, ids) => following.endBackfill(avs, ids),
        clock: systemClock,
      });
      const following = new Following({
        chains: [opened],
        store,
        served,
        clock: systemClock,
        logger: silentLogger,
        stop: stop.signal,
      });
      proxy.resetCounts();
      await following.start({
        runner: { add: () => undefined, cancel: () => undefined },
        onHealth: () => undefined,
        onChainHealth: () => undefined,
        onFailure: () => undefined,
      });
      await rpc('anvil_mine', '0xa');
      await opened.heads.waitFor(({ number }) => number === head + 10);
      while ((await store.cursor(opened.chainId))?.number !== head + 10) await new Promise(setImmediate);
      stop.abort();
      await following.ended();
      await opened.close();
      return proxy.requests('eth_getLogs');
    };
    await stopMining(world.client(L1));
    const one = await count(1);
    expect(one).toBe(11);
    expect(await count(50)).toBe(one);
  }, 60_000);
});

describe('deadlines', () => {
  /** Each task has more time than this test waits for anything, so that the machine's speed decides nothing. */
  const LONG_SLA_SECONDS = 10 * TASK_SLA_SECONDS;

  test('default: a task whose deadline passes ends alone, and its neighbour in the block has its own time', async () => {
    const store = await start();
    await administer(
      {
        devnet: world.state,
        artifacts: (await import('#devnet-contracts')).default,
        cast: world.cast,
        bn254: world.bn254,
        waits: true,
      },
      async ({ taskChains, cast }) => {
        const zero = `0x${'0'.repeat(40)}`;
        const consensus = [
          ConsensusType.stakeProportionThreshold,
          AbiCoder.defaultAbiCoder().encode(['uint16'], [6_667]),
        ];
        const rules = [TASK_HOOK_ADDRESS, LONG_SLA_SECONDS, zero, CURVE_TYPE.bn254, zero, consensus, '0x'];
        for (const { chain, contracts } of taskChains) {
          const args = [[cast.avs.address, BN254_SET], rules];
          await chain.send(cast.avs, contracts.mailbox, 'setExecutorOperatorSetTaskConfig', args);
        }
      },
    );
    const gate = deferred();
    for (const executor of world.executors) {
      executor.answer = async (submission) => {
        if (submission.operatorSetId === ECDSA_SET) await new Promise(() => undefined);
        await gate.promise;
        return executor.honest(submission);
      };
    }
    await stopMining(world.client(L1));
    const creating = Promise.all([created(ECDSA_SET, 'short'), created(BN254_SET, 'long')]);
    await pooled(2);
    await rpc('anvil_mine', '0x1');
    const [short, long] = await creating;
    expect(short.log.blockHash).toBe(long.log.blockHash);
    expect(long.deadlineSeconds - short.deadlineSeconds).toBe(LONG_SLA_SECONDS - TASK_SLA_SECONDS);
    for (const task of [short, long]) await world.logged(ofTask(task, 'task sent'));

    await rpc('evm_increaseTime', TASK_SLA_SECONDS + 1);
    await rpc('evm_setIntervalMining', 1);
    const failed = await world.logged(ofTask(short, 'task failed'));
    expect(failed.fields.reason).toMatch(/the deadline of the task has passed/);
    const key = { chainId: chainId(L1), taskId: long.taskId };
    expect(await store.task(key)).toMatchObject({
      status: 'processing',
      deadlineSeconds: long.deadlineSeconds,
    });
    gate.resolve();
    await world.verifiedAt(L1, long);
    expect(await world.status(L1, short)).toBe(TaskStatus.expired);
  }, 60_000);
});

/** Resolves when so many transactions wait for a block. */
async function pooled(transactions: number): Promise<void> {
  for (;;) {
    const { pending } = (await rpc('txpool_status')) as { pending: string };
    if (Number(pending) >= transactions) return;
  }
}
