/** Threat 28, the aggregator: what ends it under load ends it in order, and what ends one task ends that task only. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { createChainClient } from '../../src/chain/client.js';
import { createTaskMailbox } from '../../src/chain/contracts/task-mailbox.js';
import { createCast } from '../../src/devnet/cast.js';
import { requireDevnet } from '../../src/devnet/state.js';
import { openTaskSender } from '../../src/operations/task/submit-task.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { BN254_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';
import { type BuiltDevnet, buildDevnet } from '../support/built-devnet.js';
import { LONG_MS, until } from '../support/until.js';

const stage = aggregatorStage();

test('behavior: an exception in one task ends that task, and no other', async () => {
  const store = createAggregatorStore(createMemoryStore());
  const payloads = ['fine', 'cursed', 'fine too'];
  // A defect, where one would hurt most: not an error of ours, and where nothing looks for one.
  const cursed: typeof store = {
    ...store,
    answers: async (task, referenceTimestamp) => {
      const stored = await store.task(task);
      if (Buffer.from(stored?.payload ?? []).toString() === 'cursed') throw new TypeError('a defect');
      return store.answers(task, referenceTimestamp);
    },
    updateTask: async (task, change) => {
      const stored = await store.task(task);
      if (change.status === 'failed' && Buffer.from(stored?.payload ?? []).toString() === 'cursed')
        throw new TypeError('another defect');
      return store.updateTask(task, change);
    },
  };
  const aggregator = await stage.start({ store: cursed });
  const [first, second, third] = await stage.world.createTasks(L1, BN254_SET, payloads);
  if (first === undefined || second === undefined || third === undefined) throw new Error('no tasks');
  const failed = await stage.logged(second, 'task failed');
  expect(failed).toMatchObject({ level: 'error', fields: { reason: 'a defect' } });
  for (const task of [first, third]) await stage.logged(task, 'task verified');
  const after = await stage.createTask(L1, BN254_SET, 'fine afterwards');
  await stage.logged(after, 'task verified');
  expect([...aggregator.totals.ended]).toEqual(
    expect.arrayContaining([
      ['failed', 1],
      ['verified', 3],
    ]),
  );
}, 60_000);

const TASKS = 24;
let devnet: BuiltDevnet;
beforeAll(async () => {
  devnet = await buildDevnet(1);
}, 60_000);
afterAll(() => devnet?.close());

test('behavior: SIGTERM under load: what runs is finished within the grace time, nothing is lost, the end is clean', async () => {
  const state = requireDevnet(devnet.folder);
  const chain = state.chains.find(({ chainId }) => chainId === L1);
  if (chain === undefined) throw new Error('the devnet has no L1');
  const client = createChainClient({
    chainId: stage.world.client(L1).chainId,
    name: 'L1',
    rpcUrls: [chain.url],
    clock: systemClock,
    logger: silentLogger,
  });
  const sender = openTaskSender({
    client,
    mailbox: state.mailbox,
    key: new Secret(createCast(1).user.secret),
    clock: systemClock,
  });
  const executor = await devnet.seat('executor-1');
  const aggregator = await devnet.seat('aggregator', (config) => {
    config.storage = { type: 'level', level: { dir: `${devnet.folder}/data/aggregator` } };
  });
  try {
    const serving = executor.start({}, { limitMs: 'none' });
    await serving.logged('executor is serving');
    const first = aggregator.start({}, { limitMs: 'none' });
    await first.logged('aggregator is watching');
    // It answers when the aggregator has been told to stop, however late that is.
    serving.kill('SIGSTOP');
    const operatorSet = { avs: state.avs, id: BN254_SET };
    const tasks = await Promise.all(
      Array.from({ length: TASKS }, (_, index) =>
        sender.create({ operatorSet, payload: Buffer.from(`0x${index.toString(16).padStart(2, '0')}`) }),
      ),
    );
    await first.logged('task sent');
    first.kill('SIGTERM');
    await first.logged('aggregator stops: no further tasks are taken');
    serving.kill('SIGCONT');
    const { code, stderr } = await first.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/ ERROR |^ponos: /m);
    const at = (text: string) => stderr.lastIndexOf(text);
    // Drained: the tasks that ran were finished after the signal, and only then did the node end.
    expect(at('task verified')).toBeGreaterThan(at('aggregator stops: no further tasks are taken'));
    expect(at('tasks since the start')).toBeGreaterThan(at('task verified'));
    expect(stderr).toMatch(/ has stopped$/m);
    // No write came too late for the store, which would have said that it is closed.
    expect(stderr).not.toMatch(/store is closed/);
    expect(aggregator.locks()).toEqual([]);

    const second = aggregator.start({}, { limitMs: 'none' });
    await second.logged('aggregator is watching');
    const mailbox = createTaskMailbox(client, state.mailbox);
    await until(
      'every task is verified',
      async () => {
        const statuses = await Promise.all(
          tasks.map(({ taskId }) => mailbox.getTaskStatus(taskId, 'latest')),
        );
        return statuses.every((status) => status === TaskStatus.verified);
      },
      LONG_MS,
    );
    second.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0 });
    serving.kill('SIGTERM');
    expect(await serving.ended).toMatchObject({ code: 0 });
  } finally {
    await aggregator.remove();
    await executor.remove();
    await sender.close();
    await client.close();
  }
}, 90_000);
