/** Threat 6: executors disagree. Each output is weighed for itself, and whoever signed another one is named. */
import { expect, test } from '@jest/globals';
import { chainId, type Hash32 } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { setStake } from '../../src/devnet/register.js';
import { taskMessageHash } from '../../src/protocol/result.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { transport } from '../support/administer.js';
import { BN254_SET, ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';

const stage = aggregatorStage();

/** Name, operator set, and its executor with the least weight. */
const SETS = [
  ['BN254', BN254_SET, 3],
  ['ECDSA', ECDSA_SET, 0],
] as const;

test.each(SETS)(
  'behavior: over %s the output with enough weight wins, and the minority is reported by operator',
  async (_curve, set, lonely) => {
    const { world } = stage;
    const dissenter = stage.executor(lonely);
    dissenter.answer = (submission) => dissenter.honest(submission, 'I differ');
    const store = createAggregatorStore(createMemoryStore());
    const aggregator = await stage.start({ store });
    const others = world.executors.filter((executor) => executor !== dissenter);
    for (const executor of others) {
      executor.answer = async (submission) => {
        // The dissenter's answer is in before there is a winner.
        await world.logged(
          ({ message, fields }) =>
            message === 'a response counts' && fields.operator === dissenter.operator.address,
        );
        return executor.honest(submission);
      };
    }
    const task = await stage.createTask(L1, set, 'disputed');
    const line = await stage.logged(task, 'an operator signed another output than the winning one');
    expect(line.fields).toMatchObject({
      operator: dissenter.operator.address,
      messageHash: toHex<Hash32>(taskMessageHash(task.taskId, Buffer.from('I differ'))),
    });
    await stage.logged(task, 'task verified');
    // Which of the two outputs stays in the store.
    const stored = await store.task({ chainId: chainId(L1), taskId: task.taskId });
    const output = stored?.certifiedOutput && (await store.output(stored, stored.certifiedOutput));
    expect(Buffer.from(output ?? []).toString()).toBe('done disputed');
    const certified = await stage.logged(task, 'task threshold met');
    expect(certified.fields.nonSigners).toContain(dissenter.operator.address);
    const counts = aggregator.totals.operators;
    expect(counts.get(dissenter.operator.address)?.get('another output')).toBe(1);
    for (const { operator } of others)
      expect(counts.get(operator.address)?.has('another output')).not.toBe(true);
  },
  60_000,
);

// After the others, whose aggregators would take up what has failed here.
test.each(SETS)(
  'error: over %s a task of which no output can have enough weight fails at once, and says who said what',
  async (_curve, set, _lonely) => {
    const { world } = stage;
    for (const [index, executor] of world.executors.entries())
      executor.answer = (submission) => executor.honest(submission, `opinion ${index}`);
    await stage.start();
    const task = await stage.createTask(L1, set, 'hopeless');
    const { fields } = await stage.logged(task, 'task failed');
    expect(fields.reason).toContain('the threshold cannot be met any more (different outputs: ');
    const named = world.executors.filter(({ operator }) => String(fields.reason).includes(operator.address));
    expect(named.length).toBeGreaterThanOrEqual(3); // a fourth may not have been needed to know
  },
  60_000,
);

test('error: a task of a table without any weight is refused at once, and nobody is asked', async () => {
  const { world } = stage;
  await world.administer(async (administration) => {
    for (const set of [BN254_SET, ECDSA_SET]) {
      for (const executor of administration.cast.executors) await setStake(administration, executor, set, 0n);
    }
    await administration.l1.settle(systemClock);
    await transport(administration);
  });
  await stage.start();
  for (const set of [BN254_SET, ECDSA_SET]) {
    const task = await stage.createTask(L1, set, 'weightless');
    const { fields } = await stage.logged(task, 'task failed');
    for (const { submissions } of world.executors)
      expect(submissions.map(({ taskId }) => taskId)).not.toContain(task.taskId);
    expect(fields).toMatchObject({
      lastStep: 'seen',
      reason: expect.stringContaining('nobody with stake and a key is in it'),
    });
  }
}, 60_000);
