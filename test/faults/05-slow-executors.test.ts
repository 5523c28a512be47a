/** Threat 5: executors that never answer, trickle, or answer when their time is nearly over. The deadline of a call is the task's. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { Collector } from '../../src/aggregator/collect.js';
import { gather } from '../../src/aggregator/gather.js';
import { type Hash32, parseTaskId } from '../../src/base/brands.js';
import { toHex, word } from '../../src/base/bytes.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import { type ChannelPool, createChannelPool } from '../../src/rpc/channel-pool.js';
import { ExecutorServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { startGrpcServer } from '../../src/rpc/server.js';
import { setTaskRules } from '../support/administer.js';
import { BN254_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';
import { deferred } from '../support/deferred.js';
import { dialledSockets } from '../support/dialled-sockets.js';
import { type HostileExecutor, hostileExecutor, type Misbehaviour } from '../support/hostile-executor.js';
import { manualClock } from '../support/manual-clock.js';
import { LONG_MS, untilTrue } from '../support/until.js';
import { answerStore, newTask, operatorAddress, taskPlan } from '../unit/aggregator/world.js';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const dialled = dialledSockets();
// After the hook above: what took an executor's port is gone before everybody listens again.
const stage = aggregatorStage();
let bn254: Bn254;
beforeAll(async () => {
  bn254 = await loadBn254();
});

async function hostile(misbehaviour: Misbehaviour, port = 0): Promise<HostileExecutor> {
  const executor = await hostileExecutor(port);
  executor.behave = () => misbehaviour;
  closers.push(() => executor.close());
  return executor;
}

function openPool(): ChannelPool {
  const pool = createChannelPool();
  closers.push(() => pool.close());
  return pool;
}

const WEIGHTS = [1n, 1n, 1n, 1n];
const taskIdOf = (number: number) => parseTaskId(toHex<Hash32>(word(number + 1)));

/** An executor that answers at once; it keeps the addresses it was called from. */
async function promptServer(
  operatorAddress: string,
): Promise<{ readonly port: number; readonly peers: Set<string> }> {
  const peers = new Set<string>();
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    services: [
      {
        definition: ExecutorServiceDefinition,
        implementation: {
          submitTask: async ({ taskId, avsAddress, operatorSetId }, { peer }) => {
            peers.add(peer);
            return {
              taskId,
              avsAddress,
              operatorSetId,
              operatorAddress,
              output: Buffer.from('x'),
              version: 1,
            };
          },
        },
      },
    ],
  });
  closers.push(() => server.close(0));
  return { port: server.port, peers };
}

/** Distributes and collects over real connections; signatures are not what this is about. */
function gatherer(pool: ChannelPool, ports: readonly number[], clock: Clock) {
  const base = taskPlan(bn254, 'ecdsa', WEIGHTS, { kind: 'threshold', bips: 5_000 });
  return (number: number, signal: AbortSignal) => {
    const plan = { ...base, task: newTask({ taskId: taskIdOf(number) }) };
    const collector = new Collector({
      plan,
      nonePolicy: 'all',
      verify: async () => undefined,
      answers: answerStore(),
    });
    return gather(
      {
        plan,
        collector,
        nonePolicy: 'all',
        quorumWindow: undefined,
        chainTime: { until: (_seconds, end) => clock.sleep(2 ** 31 - 1, end) },
        distribution: {
          aggregator: operatorAddress(99),
          sign: async () => new Uint8Array(65),
          clock,
          connect: async ({ index }) => pool.executor(`127.0.0.1:${ports[index]}`),
          hasMoved: async () => false,
        },
        report: { counted: () => undefined, dropped: () => undefined, callFailed: () => undefined },
      },
      signal,
    );
  };
}

test('behavior: 500 tasks with a silent and a trickling executor need one connection each, and leave no call', async () => {
  const [first, second] = [await promptServer(operatorAddress(0)), await promptServer(operatorAddress(1))];
  const slow = [await hostile('silence'), await hostile('trickle')];
  const pool = openPool();
  const ports = [first.port, second.port, ...slow.map(({ port }) => port)];
  const work = gatherer(pool, ports, systemClock);
  const TOGETHER = 50;
  for (let number = 0; number < 500; number += TOGETHER) {
    const groups = await Promise.all(
      Array.from({ length: TOGETHER }, (_, index) => work(number + index, new AbortController().signal)),
    );
    for (const { operatorIndexes } of groups) expect(operatorIndexes).toEqual([0, 1]);
    await untilTrue(() => slow.every(({ openCalls }) => openCalls === 0), LONG_MS);
  }
  for (const port of ports) expect(dialled(port)).toHaveLength(1);
  for (const { calls, socketsEver, openSockets } of slow) {
    expect(calls.length).toBeGreaterThan(0);
    expect([socketsEver, openSockets]).toEqual([1, 1]);
  }
  expect([first.peers.size, second.peers.size]).toEqual([1, 1]);
  expect([pool.size, pool.connections]).toEqual([4, 4]);
  pool.close();
  await untilTrue(() => slow.every(({ openSockets }) => openSockets === 0), LONG_MS);
}, 60_000);

test('behavior: a call lasts as long as its task: however long it takes, the executor is asked once', async () => {
  const slow = await hostile('silence');
  const clock = manualClock();
  const task = new AbortController();
  const ports = [slow.port, slow.port, slow.port, slow.port];
  const gathering = gatherer(openPool(), ports, clock)(0, task.signal);
  const ended = expect(gathering).rejects.toMatchObject({ code: 'ABORTED' });
  await untilTrue(() => slow.calls.length === 4);
  for (let minute = 0; minute < 60; minute++) await clock.advance(60_000);
  expect(slow.calls).toHaveLength(4);
  expect(slow.openCalls).toBe(4);
  // The executor is told of no shorter deadline, either.
  for (const headers of slow.calls) expect(headers).not.toHaveProperty('grpc-timeout');
  task.abort();
  await ended;
  await untilTrue(() => slow.openCalls === 0);
});

/** Takes the chain's clock to so many seconds before the task's deadline. */
async function moveTo(task: { readonly deadlineSeconds: number }, secondsBefore: number): Promise<void> {
  const client = stage.world.client(L1);
  const now = (await client.head()).timestampSeconds;
  await client.request('evm_increaseTime', [task.deadlineSeconds - secondsBefore - now]);
  await untilTrue(
    async () => (await client.head()).timestampSeconds >= task.deadlineSeconds - secondsBefore,
    LONG_MS,
  );
}
const portOf = (index: number) => Number(stage.world.state.executors[index]?.socket.split(':')[1]);

test('behavior: two that answer in the last tenth of its time are enough, beside one that is silent and one that trickles', async () => {
  // A tenth is more than this test waits for anything, so that the machine's speed decides nothing.
  const rules = { consensus: 6_000, slaSeconds: 10 * TASK_SLA_SECONDS };
  await stage.world.administer((administration) => setTaskRules(administration, rules));
  await stage.executor(2).close();
  await stage.executor(3).close();
  const slow = [await hostile('silence', portOf(2)), await hostile('trickle', portOf(3))];
  const lastTenth = deferred();
  for (const index of [0, 1]) {
    const late = stage.executor(index);
    late.answer = async (submission) => {
      await lastTenth.promise;
      return late.honest(submission);
    };
  }
  await stage.start();
  const task = await stage.createTask(L1, BN254_SET, 'late');
  await untilTrue(() => slow.every(({ calls }) => calls.length === 1), LONG_MS);
  await moveTo(task, TASK_SLA_SECONDS);
  lastTenth.resolve();
  await stage.logged(task, 'task verified');
  for (const index of [0, 1]) expect(stage.executor(index).submissions).toHaveLength(1);
  for (const { calls } of slow) expect(calls).toHaveLength(1);
  await untilTrue(() => slow.every(({ openCalls }) => openCalls === 0), LONG_MS);
}, 60_000);

test('error: a task that nobody answers fails at its deadline, and no call goes on', async () => {
  const slow: HostileExecutor[] = [];
  for (const index of [0, 1, 2, 3]) {
    await stage.executor(index).close();
    slow.push(await hostile(index % 2 === 0 ? 'silence' : 'trickle', portOf(index)));
  }
  await stage.start();
  const task = await stage.createTask(L1, BN254_SET, 'unanswered');
  await untilTrue(() => slow.every(({ openCalls }) => openCalls === 1), LONG_MS);
  await moveTo(task, -1);
  const { fields } = await stage.logged(task, 'task failed');
  expect(fields).toMatchObject({ reason: 'the deadline of the task has passed', lastStep: 'sent' });
  await untilTrue(() => slow.every(({ openCalls }) => openCalls === 0), LONG_MS);
  for (const { calls } of slow) expect(calls).toHaveLength(1);
}, 60_000);
