import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ServerError, Status } from 'nice-grpc-common';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { chainId } from '../../src/base/brands.js';
import { encodeG1 } from '../../src/crypto/bn254/points.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  ECDSA_SET,
  type LogLine,
} from '../support/aggregator-devnet.js';
import { deferred } from '../support/deferred.js';
import type { ScriptedExecutor } from '../support/scripted-executor.js';

const L1 = 31_337;
const L2 = 31_338;

let world: AggregatorDevnet;
const running: Aggregator[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
}, 120_000);
afterAll(async () => {
  await world?.close();
}, 60_000);
afterEach(async () => {
  await Promise.all(running.splice(0).map((aggregator) => aggregator.close(0)));
  await world.reset();
}, 60_000);

async function start(...options: Parameters<AggregatorDevnet['startAggregator']>): Promise<Aggregator> {
  const aggregator = await world.startAggregator(...options);
  running.push(aggregator);
  return aggregator;
}
const executor = (index: number): ScriptedExecutor => {
  const found = world.executors[index];
  if (found === undefined) throw new Error(`no executor ${index}`);
  return found;
};
const refuse = async () => {
  throw new ServerError(Status.PERMISSION_DENIED, 'not today');
};

describe('an aggregator on two chains', () => {
  test.each([
    ['L1', L1, 'BN254', BN254_SET],
    ['L1', L1, 'ECDSA', ECDSA_SET],
    ['L2', L2, 'BN254', BN254_SET],
    ['L2', L2, 'ECDSA', ECDSA_SET],
  ])(
    'default: a task on %s (%i) for a %s set is verified, with a non-signer in the certificate',
    async (_name, chain, _curve, set) => {
      executor(2).answer = refuse;
      await start();
      const [task] = await world.createTasks(chain, set, ['0x07']);
      if (!task) throw new Error('no task');
      await world.verifiedAt(chain, task);
      const line = await world.logged(({ message }) => message === 'task threshold met');
      expect(line.fields.taskId).toBe(task.taskId);
      expect(line.fields.nonSigners).toContain(executor(2).operator.address);
      const verified = await world.logged(({ message }) => message === 'task verified');
      expect(verified.fields.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    },
    60_000,
  );

  test('behavior: ten tasks at once are verified within three blocks of their own', async () => {
    const aggregator = await start();
    const payloads = Array.from({ length: 10 }, (_, n) => `many ${n}`);
    const tasks = await world.createTasks(L1, BN254_SET, payloads);
    const distances = await Promise.all(
      tasks.map(async (task) => (await world.verifiedAt(L1, task)) - task.log.blockNumber),
    );
    expect(Math.max(...distances)).toBeLessThanOrEqual(3);
    await world.logged(() => world.log.filter(({ message }) => message === 'task verified').length === 10);
    expect(aggregator.totals.ended.get('verified')).toBe(10);
    for (const { submissions } of world.executors) expect(submissions).toHaveLength(10);
  }, 60_000);

  test('behavior: two operators whose wrong signatures cancel are both named, and neither counts', async () => {
    const difference = world.bn254.hashToG1(keccak256(new Uint8Array()), 'solidity');
    for (const [index, add] of [
      [2, true],
      [3, false],
    ] as const) {
      const bad = executor(index);
      bad.answer = async (submission) => {
        const result = await bad.honest(submission);
        const point = world.bn254.parseSignature(result.resultSignature);
        const shifted = add ? world.bn254.addG1([point, difference]) : world.bn254.subG1(point, difference);
        return { ...result, resultSignature: Buffer.from(encodeG1(shifted)) };
      };
    }
    await start();
    const [task] = await world.createTasks(L1, BN254_SET, ['cancelling']);
    if (!task) throw new Error('no task');
    await world.verifiedAt(L1, task);
    const line = await world.logged(({ message }) => message === 'task threshold met');
    expect(line.fields.nonSigners).toEqual(
      expect.arrayContaining([executor(2).operator.address, executor(3).operator.address]),
    );
  }, 60_000);

  test('behavior: an executor that comes up later is asked again until it answers', async () => {
    await executor(0).close();
    await executor(1).close();
    await start();
    const [task] = await world.createTasks(L1, BN254_SET, ['late']);
    if (!task) throw new Error('no task');
    await world.logged(({ message }) => message === 'an executor cannot be asked now, trying again');
    expect(await world.status(L1, task)).toBe(TaskStatus.created);
    await executor(0).listen();
    await executor(1).listen();
    await world.verifiedAt(L1, task);
  }, 60_000);

  test('behavior: answers survive a restart, from executors that give them only once', async () => {
    const store = createAggregatorStore(createMemoryStore());
    const gate = deferred();
    const answeredOnce = new Set<string>();
    for (const { index, waits } of [
      { index: 0, waits: false },
      { index: 1, waits: true },
      { index: 2, waits: false },
      { index: 3, waits: true },
    ]) {
      const one = executor(index);
      one.answer = async (submission) => {
        if (waits) await gate.promise;
        const key = `${index} ${submission.taskId}`;
        if (!waits && answeredOnce.has(key))
          throw new ServerError(Status.FAILED_PRECONDITION, 'answered before');
        answeredOnce.add(key);
        return one.honest(submission);
      };
    }
    const first = await world.startAggregator({ store });
    const [task] = await world.createTasks(L1, BN254_SET, ['restart']);
    if (!task) throw new Error('no task');
    await world.logged(() => world.log.filter(({ message }) => message === 'a response counts').length === 2);
    await first.close(0);
    expect((await store.unfinishedTasks()).map(({ taskId }) => taskId)).toEqual([task.taskId]);
    gate.resolve();
    await start({ store });
    await world.verifiedAt(L1, task);
    expect(executor(0).submissions).toHaveLength(1);
    expect(executor(2).submissions).toHaveLength(1);
    await world.logged(({ message }) => message === 'task verified');
    expect((await store.task({ chainId: chainId(L1), taskId: task.taskId }))?.status).toBe('completed');
  }, 60_000);

  test('behavior: a result whose block is replaced is submitted again, in the nonce that is free again', async () => {
    await start();
    const [task] = await world.createTasks(L1, BN254_SET, ['taken back']);
    if (!task) throw new Error('no task');
    const ofTask = (text: string) => (line: LogLine) =>
      line.message.startsWith(text) && line.fields.taskId === task.taskId;
    const block = await world.verifiedAt(L1, task);
    await world.logged(ofTask('task verified'));
    const client = world.client(L1);
    const { number: head } = await client.head();
    await client.request('anvil_reorg', [head - block + 1, []]);
    await world.logged(ofTask('the block with the result of a task was replaced'));
    await world.logged(() => world.log.filter(ofTask('task verified')).length === 2);
    expect(await world.status(L1, task)).toBe(TaskStatus.verified);
    for (const { submissions } of world.executors) expect(submissions.length).toBeLessThanOrEqual(2);
  }, 60_000);

  test('error: a task whose threshold cannot be met any more fails at once, with every reason', async () => {
    for (const index of [0, 1, 2]) executor(index).answer = refuse;
    const aggregator = await start();
    await world.createTasks(L1, BN254_SET, ['hopeless']);
    const line = await world.logged(({ message }) => message === 'task failed');
    expect(line.fields.reason).toMatch(/threshold cannot be met any more .*PERMISSION_DENIED: not today/);
    expect(line.fields.lastStep).toMatch(/sent|answered/);
    expect(aggregator.totals.ended.get('failed')).toBe(1);
  }, 60_000);
});

describe('starting', () => {
  test('error: an RPC of another chain is named', async () => {
    const swap = world.state.chains.map(({ url }) => url).reverse();
    const started = world.startAggregator({
      change: (config) => ({
        ...config,
        chains: config.chains.map((chain, index) => ({ ...chain, rpcUrls: [swap[index] ?? ''] })),
      }),
    });
    await expect(started).rejects.toMatchObject({ code: 'CHAIN_MISMATCH' });
  }, 60_000);

  test('error: an AVS that L1 does not know is named', async () => {
    const started = world.startAggregator({
      change: (config) => ({
        ...config,
        avss: config.avss.map((avs) => ({ ...avs, address: world.cast.user.address })),
      }),
    });
    await expect(started).rejects.toMatchObject({ code: 'AVS_UNKNOWN' });
  }, 60_000);

  test('error: a management port that is taken is named', async () => {
    const port = Number(world.state.executors[0]?.socket.split(':')[1]);
    const started = world.startAggregator({
      change: (config) => ({ ...config, managementServerGrpcPort: port }),
    });
    await expect(started).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  }, 60_000);
});
