import { expect, test } from '@jest/globals';
import { Collector } from '../../../src/aggregator/collect.js';
import { restoreAnswers } from '../../../src/aggregator/restore-answers.js';
import { loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { answerStore, honestAnswer, operatorOf, taskPlan } from './world.js';

test('behavior: answers whose output is swept do not count, so that their operators are asked again', async () => {
  const bn254 = await loadBn254();
  const plan = taskPlan(bn254, 'ecdsa', [1n, 1n, 1n]);
  const { task } = plan;
  const store = createAggregatorStore(createMemoryStore());
  await store.saveBlock(task.chainId, { number: task.blockNumber, hash: task.blockHash }, [task]);
  for (const [index, output] of ['0x31', '0x32', '0x31'].entries()) {
    await store.recordAnswer(task, {
      ...honestAnswer(bn254, plan, index, output),
      operator: operatorOf(plan, index).operator,
      referenceTimestamp: task.referenceTimestamp,
      receivedAtMs: 1,
    });
  }
  const stored = await store.answers(task, task.referenceTimestamp);
  const certifiedOutput = stored.find(
    ({ operator }) => operator === operatorOf(plan, 0).operator,
  )?.outputHash;
  await store.updateTask(task, { certifiedOutput, status: 'completed', updatedAtMs: 2 });
  for await (const _ of store.sweepOutputs({ endedFromMs: 0, mayLeave: () => true }));

  const collector = new Collector({
    plan,
    nonePolicy: 'all',
    verify: async () => undefined,
    answers: answerStore(task),
  });
  const lines: LogLine[] = [];
  const output: Parameters<typeof restoreAnswers>[0]['output'] = (outputHash) =>
    store.output(task, outputHash);
  await restoreAnswers({ plan, collector, stored, output, logger: recordingLogger(lines) });
  expect([...collector.counted.keys()].sort()).toEqual(
    [operatorOf(plan, 0).operator, operatorOf(plan, 2).operator].sort(),
  );
  expect(lines).toEqual([]);
});
