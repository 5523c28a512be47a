import { afterEach, describe, expect, test } from '@jest/globals';
import { ServerError, Status } from 'nice-grpc-common';
import { createAggregator } from '../../src/aggregator/aggregator.js';
import { blockNumber, chainId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { loadSigningKeys, loadTransactionKey } from '../../src/signer/load-signers.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { BN254_SET, ECDSA_SET, type LogLine } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1, L2 } from '../support/aggregator-stage.js';
import { deferred } from '../support/deferred.js';
import { recordingLogger } from '../support/recording-logger.js';
import { until } from '../support/until.js';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const stage = aggregatorStage();
const { start, executor } = stage;
afterEach(() => stage.world.client(L1).request('evm_setIntervalMining', [1]));

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
      const task = await stage.createTask(chain, set, '0x07');
      await stage.world.verifiedAt(chain, task);
      const line = await stage.world.logged(({ message }) => message === 'task threshold met');
      expect(line.fields.taskId).toBe(task.taskId);
      expect(line.fields.nonSigners).toContain(executor(2).operator.address);
      const verified = await stage.world.logged(({ message }) => message === 'task verified');
      expect(verified.fields.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    },
    60_000,
  );

  test('behavior: ten tasks at once are sent while no block comes, and verified in the next one', async () => {
    const { world } = stage;
    const asked = deferred();
    for (const one of world.executors) {
      one.answer = async (submission) => {
        await asked.promise;
        return one.honest(submission);
      };
    }
    const aggregator = await start();
    const payloads = Array.from({ length: 10 }, (_, n) => `many ${n}`);
    const tasks = await world.createTasks(L1, BN254_SET, payloads);
    // From here on blocks come when we say so: how many come meanwhile would be up to the speed of this machine.
    const client = world.client(L1);
    await client.request('evm_setIntervalMining', [0]);
    // Whoever is asked last would not be asked any more if the others had answered.
    await until('everybody is asked for all', () =>
      world.executors.every(({ submissions }) => submissions.length >= 10),
    );
    // The mailbox refuses a result in a block of the task's own time.
    const { timestampSeconds } = await client.head();
    await client.request('evm_setNextBlockTimestamp', [timestampSeconds + 1]);
    await client.request('evm_mine', []);
    const { number } = await client.head();
    asked.resolve();
    const count = (text: string) => world.log.filter(({ message }) => message === text).length;
    await until('all results are sent', () => count('task submitted') === 10);
    await client.request('evm_mine', []);
    const blocks = await Promise.all(tasks.map((task) => world.verifiedAt(L1, task)));
    expect(blocks).toEqual(Array(10).fill(number + 1));
    await until('the aggregator knows', () => count('task verified') === 10);
    expect(aggregator.totals.ended.get('verified')).toBe(10);
    for (const { submissions } of world.executors) expect(submissions).toHaveLength(10);
  }, 60_000);

  test('behavior: an executor that comes up later is asked again until it answers', async () => {
    await executor(0).close();
    await executor(1).close();
    await start();
    const task = await stage.createTask(L1, BN254_SET, 'late');
    await stage.world.logged(({ message }) => message === 'an executor cannot be asked now, trying again');
    expect(await stage.world.status(L1, task)).toBe(TaskStatus.created);
    await executor(0).listen();
    await executor(1).listen();
    await stage.world.verifiedAt(L1, task);
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
    const first = await stage.world.startAggregator({ store });
    const task = await stage.createTask(L1, BN254_SET, 'restart');
    await stage.world.logged(
      () => stage.world.log.filter(({ message }) => message === 'a response counts').length === 2,
    );
    // It looks at those of earlier tests, too, and finds them verified.
    await until('no other is unfinished', async () => (await store.unfinishedTasks()).length === 1);
    await first.close(0);
    expect((await store.unfinishedTasks()).map(({ taskId }) => taskId)).toEqual([task.taskId]);
    gate.resolve();
    await start({ store });
    await stage.world.verifiedAt(L1, task);
    expect(executor(0).submissions).toHaveLength(1);
    expect(executor(2).submissions).toHaveLength(1);
    await stage.world.logged(({ message }) => message === 'task verified');
    expect((await store.task({ chainId: chainId(L1), taskId: task.taskId }))?.status).toBe('completed');
  }, 60_000);

  test('behavior: a result whose block is replaced is submitted again, in the nonce that is free again', async () => {
    await start();
    const task = await stage.createTask(L1, BN254_SET, 'taken back');
    const ofTask = (text: string) => (line: LogLine) =>
      line.message.startsWith(text) && line.fields.taskId === task.taskId;
    const block = await stage.world.verifiedAt(L1, task);
    await stage.world.logged(ofTask('task verified'));
    const client = stage.world.client(L1);
    const hashOf = async () => (await client.block(blockNumber(block)))?.hash;
    const replaced = await hashOf();
    // A block that is mined after the head was read makes the reorg one too shallow.
    await until('the block is another', async () => {
      const { number: head } = await client.head();
      await client.request('anvil_reorg', [head - block + 1, []]);
      return (await hashOf()) !== replaced;
    });
    await stage.world.logged(ofTask('the block with the result of a task was replaced'));
    await stage.world.logged(() => stage.world.log.filter(ofTask('task verified')).length === 2);
    expect(await stage.world.status(L1, task)).toBe(TaskStatus.verified);
    for (const { submissions } of stage.world.executors) expect(submissions.length).toBeLessThanOrEqual(2);
  }, 60_000);

  test('error: a task whose threshold cannot be met any more fails at once, with every reason', async () => {
    for (const index of [0, 1, 2]) executor(index).answer = refuse;
    const aggregator = await start();
    await stage.world.createTasks(L1, BN254_SET, ['hopeless']);
    const line = await stage.world.logged(({ message }) => message === 'task failed');
    expect(line.fields.reason).toMatch(/threshold cannot be met any more .*PERMISSION_DENIED: not today/);
    expect(line.fields.lastStep).toMatch(/sent|answered/);
    expect(aggregator.totals.ended.get('failed')).toBe(1);
  }, 60_000);
});

describe('starting', () => {
  test('error: an RPC of another chain is named', async () => {
    const swap = stage.world.state.chains.map(({ url }) => url).reverse();
    const started = stage.world.startAggregator({
      change: (config) => ({
        ...config,
        chains: config.chains.map((chain, index) => ({ ...chain, rpcUrls: [swap[index] ?? ''] })),
      }),
    });
    await expect(started).rejects.toMatchObject({ code: 'CHAIN_MISMATCH' });
  }, 60_000);

  test('error: an AVS that L1 does not know is named', async () => {
    const started = stage.world.startAggregator({
      change: (config) => ({
        ...config,
        avss: config.avss.map((avs) => ({ ...avs, address: stage.world.cast.user.address })),
      }),
    });
    await expect(started).rejects.toMatchObject({ code: 'AVS_UNKNOWN' });
  }, 60_000);

  test('error: a management port that is taken is named', async () => {
    const port = Number(stage.world.state.executors[0]?.socket.split(':')[1]);
    const started = stage.world.startAggregator({
      change: (config) => ({ ...config, managementServerGrpcPort: port }),
    });
    await expect(started).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  }, 60_000);

  test('behavior: closing gives up a start that waits for its chains, and asks nobody for grace', async () => {
    const { world } = stage;
    const logger = recordingLogger(world.log);
    const { config } = world;
    const aggregator = createAggregator({
      config: { ...config, chains: config.chains.map((chain) => ({ ...chain, rpcUrls: [NOWHERE] })) },
      signingKeys: await loadSigningKeys(config.operator.signingKeys, { clock: systemClock, logger }),
      transactionSigner: await loadTransactionKey(config.operator.operatorPrivateKey, {
        clock: systemClock,
        logger,
      }),
      store: createAggregatorStore(createMemoryStore()),
      workerSource: '',
      clock: systemClock,
      logger,
    });
    const started = expect(aggregator.start()).rejects.toMatchObject({ code: 'ABORTED' });
    await world.logged(({ message }) => message.startsWith('a chain is not reached'));
    await aggregator.close(3_600_000);
    await started;
  }, 60_000);
});
