/** An aggregator that is killed and started again on what its disk has kept. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createChannel, createClient, Status } from 'nice-grpc';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { chainId, parseTaskId } from '../../src/base/brands.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { AggregatorManagementServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  type LogLine,
} from '../support/aggregator-devnet.js';
import { deferred } from '../support/deferred.js';
import { stopMining } from '../support/stop-mining.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const L1 = 31_337;
const L2 = 31_338;

let world: AggregatorDevnet;
let folder: TemporaryFolder;
const lives: Life[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
}, 120_000);
afterAll(async () => {
  await world?.close();
}, 60_000);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await world.client(L1).request('evm_setIntervalMining', [1]);
  for (const life of lives.splice(0)) await life.kill();
  await world.reset();
  await folder.remove();
}, 60_000);

interface Life {
  readonly aggregator: Aggregator;
  readonly store: AggregatorStore;
  /** The disk is cut off in the middle of everything; only then what is in this process is cleared up. */
  kill(): Promise<void>;
}

async function live(change?: (config: AggregatorConfig) => AggregatorConfig): Promise<Life> {
  const values = await openLevelStore({ dir: folder.path, syncWrites: true });
  const store = createAggregatorStore(values);
  const aggregator = await world
    .startAggregator({ store, ...(change && { change }) })
    .catch(async (error: unknown) => {
      await values.close();
      throw error;
    });
  const life = {
    aggregator,
    store,
    kill: async () => {
      await values.close();
      await aggregator.close(0);
    },
  };
  lives.push(life);
  return life;
}

const withoutAvss = (config: AggregatorConfig): AggregatorConfig => ({ ...config, avss: [] });
const created = async (id: number, payload: string): Promise<TaskCreatedEvent> => {
  const [task] = await world.createTasks(id, BN254_SET, [payload]);
  if (task === undefined) throw new Error('no task');
  return task;
};
const ofTask = (task: TaskCreatedEvent, message: string) => (line: LogLine) =>
  line.message === message && line.fields.taskId === task.taskId;
const count = (task: TaskCreatedEvent, message: string) => world.log.filter(ofTask(task, message)).length;
const payer = () => world.cast.aggregator.address;
const paid = async () =>
  Number(await world.client(L1).request('eth_getTransactionCount', [payer(), 'latest']));
const pooledHash = async (): Promise<string | undefined> => {
  const pool = (await world.client(L1).request('txpool_content', [])) as {
    pending: Record<string, Record<string, { hash: string }>>;
  };
  const own = Object.entries(pool.pending).find(([account]) => account.toLowerCase() === payer());
  return own && Object.values(own[1])[0]?.hash;
};

/** Resolves when the account has a transaction in the pool. */
async function sentHash(): Promise<string> {
  for (;;) {
    const hash = await pooledHash();
    if (hash !== undefined) return hash;
  }
}

/** Calls the management port of the aggregator that was started last. */
async function manage<T>(
  call: (client: ReturnType<typeof managementClient>) => Promise<T>,
  host = '127.0.0.1',
): Promise<T> {
  const started = world.log.filter(({ message }) => message === 'aggregator is watching').at(-1);
  const channel = createChannel(`${host}:${started?.fields.managementPort}`);
  try {
    return await call(managementClient(channel));
  } finally {
    channel.close();
  }
}
const managementClient = (channel: ReturnType<typeof createChannel>) =>
  createClient(AggregatorManagementServiceDefinition, channel);

describe('a result on its way when the aggregator is killed', () => {
  test.each([
    ['waits in the pool', async () => undefined],
    [
      'was dropped from the pool',
      async (hash: string) => world.client(L1).request('anvil_dropTransaction', [hash]),
    ],
  ])(
    'behavior: it %s: the same transaction settles the task, paid for once',
    async (_case, meanwhile) => {
      const gate = deferred();
      for (const executor of world.executors) {
        executor.answer = async (submission) => {
          await gate.promise;
          return executor.honest(submission);
        };
      }
      const first = await live();
      const before = await paid();
      const task = await created(L1, 'paid once');
      await stopMining(world.client(L1));
      // The mailbox refuses a result in a block of the task's own time.
      const { timestampSeconds } = await world.client(L1).head();
      await world.client(L1).request('evm_setNextBlockTimestamp', [timestampSeconds + 1]);
      await world.client(L1).request('evm_mine', []);
      gate.resolve();
      await world.logged(ofTask(task, 'task submitted'));
      const hash = await sentHash();
      await first.kill();
      await meanwhile(hash);

      const second = await live();
      await world.logged(({ message }) => message === 'a transaction of an earlier run is taken care of');
      await world.client(L1).request('evm_setIntervalMining', [1]);
      await world.verifiedAt(L1, task);
      await world.logged(ofTask(task, 'task verified'));
      expect(await paid()).toBe(before + 1);
      expect(count(task, 'task submitted')).toBe(1);
      expect(await second.store.task({ chainId: chainId(L1), taskId: task.taskId })).toMatchObject({
        status: 'completed',
        transactionHash: hash,
        attempts: 1,
      });
      // The mailbox may have told of the result before the transaction was looked for.
      const journal = second.store.transactions(chainId(L1), payer());
      await until('the transaction is forgotten', async () => (await journal.list()).length === 0);
    },
    60_000,
  );
});

describe('tasks that a killed aggregator has left', () => {
  test('default: on every chain they are taken up again, and expired ones fail with the reason', async () => {
    for (const executor of world.executors) executor.answer = () => new Promise(() => undefined);
    const first = await live();
    const tasks = await Promise.all([created(L1, 'left on L1'), created(L2, 'left on L2')]);
    for (const task of tasks) await world.logged(ofTask(task, 'task sent'));
    const [onL1] = tasks;
    const { number, hash } = await world.client(L1).head();
    const expired = parseTaskId(`0x${'ee'.repeat(32)}`);
    const kept = await first.store.task({ chainId: chainId(L1), taskId: onL1.taskId });
    if (kept === undefined) throw new Error('the task was not stored');
    const { status: _status, attempts: _attempts, updatedAtMs: _updatedAtMs, ...event } = kept;
    await first.store.saveBlock(chainId(L1), { number, hash }, [
      { ...event, taskId: expired, deadlineSeconds: 1 },
    ]);
    await first.kill();
    await world.reset();

    const second = await live();
    await world.verifiedAt(L1, tasks[0]);
    await world.verifiedAt(L2, tasks[1]);
    for (const task of tasks) await world.logged(ofTask(task, 'task verified'));
    await world.logged(({ message, fields }) => message === 'task failed' && fields.taskId === expired);
    expect(await second.store.task({ chainId: chainId(L1), taskId: expired })).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('the deadline of the task has passed'),
    });
    expect(await second.store.unfinishedTasks()).toEqual([]);
  }, 60_000);
});

describe('AVSs at run time', () => {
  test('default: registered with living tasks behind it, followed from then on, also after a restart', async () => {
    const first = await live(withoutAvss);
    const past = await created(L1, 'before it was registered');
    await world.logged(ofTask(past, 'a task of another AVS was passed over'));
    const request = { avsAddress: world.state.avs, chainIds: [L1, L2] };
    expect(await manage((client) => client.registerAvs(request))).toEqual({ success: true });
    await world.verifiedAt(L1, past);
    await world.verifiedAt(L2, await created(L2, 'after it was registered'));
    await first.kill();

    const second = await live(withoutAvss);
    await world.verifiedAt(L1, await created(L1, 'after a restart'));
    expect(count(past, 'task taken')).toBe(1);
    const sets = await second.store.avss.operatorSets();
    expect(sets.find(({ id }) => id === BN254_SET)).toMatchObject({
      avs: world.state.avs,
      role: 'executor',
      curve: 'bn254',
      table: { operators: 4 },
    });
    expect(sets.find(({ role }) => role === 'aggregator')).toMatchObject({ isMember: true });
  }, 90_000);

  test('behavior: deregistered, what was taken is finished after a restart too, and nothing new is taken', async () => {
    for (const executor of world.executors) executor.answer = () => new Promise(() => undefined);
    const first = await live();
    const taken = await created(L1, 'taken before');
    await world.logged(ofTask(taken, 'task sent'));
    const avsAddress = world.state.avs;
    expect(await manage((client) => client.deRegisterAvs({ avsAddress }))).toEqual({ success: true });
    const late = await created(L1, 'too late');
    await world.logged(ofTask(late, 'a task of another AVS was passed over'));
    await first.kill();
    await world.reset();

    const second = await live();
    await world.logged(({ message }) => message === 'an AVS is not served: it was deregistered at run time');
    await world.verifiedAt(L1, taken);
    const later = await created(L1, 'too late again');
    await world.logged(ofTask(later, 'a task of another AVS was passed over'));
    expect(await second.store.task({ chainId: chainId(L1), taskId: late.taskId })).toBeUndefined();
    // Served again, it finds what it has missed.
    await manage((client) => client.registerAvs({ avsAddress, chainIds: [L1] }));
    await world.verifiedAt(L1, late);
    await world.verifiedAt(L1, later);
  }, 90_000);

  test('behavior: amid a burst, many calls at once and a restart: what was taken is finished, what was missed is found, each once', async () => {
    const gated = () => {
      const gate = deferred();
      for (const executor of world.executors) {
        executor.answer = async (submission) => {
          await gate.promise;
          return executor.honest(submission);
        };
      }
      return gate;
    };
    gated();
    const first = await live();
    const burst = (what: string, count: number) =>
      world.createTasks(
        L1,
        BN254_SET,
        Array.from({ length: count }, (_, n) => `${what} ${n}`),
      );
    const taken = await burst('taken', 10);
    for (const task of taken) await world.logged(ofTask(task, 'task sent'));
    const avsAddress = world.state.avs;
    const register = () => manage((client) => client.registerAvs({ avsAddress, chainIds: [L1, L2] }));
    const deregister = () =>
      manage((client) => client.deRegisterAvs({ avsAddress })).catch(({ code }) => {
        // Another call was first.
        expect(code).toBe(Status.NOT_FOUND);
      });
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? register() : deregister())));
    await deregister();
    const missed = await burst('missed', 5);
    for (const task of missed) await world.logged(ofTask(task, 'a task of another AVS was passed over'));
    await first.kill();
    await world.reset();
    const finishing = gated();

    const second = await live();
    for (const task of taken) await world.logged(ofTask(task, 'task sent'));
    expect(missed.map((task) => count(task, 'task taken'))).toEqual([0, 0, 0, 0, 0]);
    finishing.resolve();
    for (const task of taken) await world.verifiedAt(L1, task);
    const finding = gated();
    await Promise.all(Array.from({ length: 10 }, register));
    const found = [...missed, ...(await burst('later', 3))];
    const asked = ({ taskId }: TaskCreatedEvent) =>
      world.executors.map(
        ({ submissions }) => submissions.filter((each) => each.taskId === (taskId as string)).length,
      );
    // Whoever is asked last would not be asked any more if the others had answered.
    await until(
      'everybody is asked for all',
      () => found.every((task) => asked(task).every((times) => times > 0)),
      LONG_MS,
    );
    finding.resolve();
    for (const task of found) await world.verifiedAt(L1, task);
    await until(
      'everything is settled',
      async () => (await second.store.unfinishedTasks()).length === 0,
      LONG_MS,
    );
    for (const task of found) {
      expect([count(task, 'task taken'), count(task, 'task submitted')]).toEqual([1, 1]);
      expect(asked(task)).toEqual([1, 1, 1, 1]);
    }
  }, 90_000);

  test('error: what cannot be registered is told with a status', async () => {
    await live();
    const statusOf = (avsAddress: string, chainIds: number[]) =>
      manage((client) => client.registerAvs({ avsAddress, chainIds })).then(
        () => Status.OK,
        ({ code }) => code,
      );
    expect(await statusOf('0x12', [L1])).toBe(Status.INVALID_ARGUMENT);
    expect(await statusOf(world.state.avs, [1])).toBe(Status.INVALID_ARGUMENT);
    expect(await statusOf(world.cast.user.address, [L1])).toBe(Status.NOT_FOUND);
    await expect(manage((client) => client.getChallengeToken({}))).rejects.toMatchObject({
      code: Status.UNIMPLEMENTED,
    });
  }, 60_000);

  test.each([
    ['absent', undefined, Status.UNAVAILABLE],
    ['false', false, Status.NOT_FOUND],
  ])(
    'behavior: with authentication.enabled %s it is answered, or not, on other addresses than loopback',
    async (_case, enabled, status) => {
      await live((config) => ({ ...config, authentication: { ...config.authentication, enabled } }));
      const avsAddress = world.cast.user.address;
      // The whole of 127/8 is this machine; only a socket on all addresses answers on its second one.
      const asked = manage((client) => client.deRegisterAvs({ avsAddress }), '127.0.0.2');
      await expect(asked).rejects.toMatchObject({ code: status });
      await expect(manage((client) => client.deRegisterAvs({ avsAddress }))).rejects.toMatchObject({
        code: Status.NOT_FOUND,
      });
    },
    60_000,
  );
});
