/** Threat 2: an operator's address in another spelling is the same operator, wherever it is a key. */
import { expect, test } from '@jest/globals';
import { getAddress } from 'ethers';
import { chainId, parseAddress } from '../../src/base/brands.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { setTaskRules } from '../support/administer.js';
import { BN254_SET, ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';

const stage = aggregatorStage();

const SPELLINGS: readonly ((hex: string) => string)[] = [
  (hex) => hex.toLowerCase(),
  (hex) => `0x${hex.slice(2).toUpperCase()}`,
  (hex) => `0X${hex.slice(2).toUpperCase()}`,
  (hex) => (hex.length === 42 ? getAddress(hex.toLowerCase()) : hex),
];

test.each([
  ['BN254', BN254_SET],
  ['ECDSA', ECDSA_SET],
])(
  'behavior: answers of a %s set count whatever spelling they use, and each operator once',
  async (_curve, set) => {
    const { world } = stage;
    // Everybody must sign: one spelling that is taken for a stranger, and the task fails.
    await world.administer((administration) => setTaskRules(administration, { consensus: 10_000 }));
    const spelled = new Set<string>();
    for (const [index, spell] of SPELLINGS.entries()) {
      const executor = stage.executor(index);
      executor.answer = async (submission) => {
        const result = await executor.honest(submission);
        spelled.add(spell(result.operatorAddress));
        return {
          ...result,
          taskId: spell(result.taskId),
          operatorAddress: spell(result.operatorAddress),
          avsAddress: spell(result.avsAddress),
        };
      };
    }
    const store = createAggregatorStore(createMemoryStore());
    const aggregator = await stage.start({ store });
    const task = await stage.createTask(L1, set, 'spelled');
    const certified = await stage.logged(task, 'task threshold met');
    expect(certified.fields.nonSigners).toEqual([]);
    await stage.logged(task, 'task verified');

    const operators = world.cast.executors.map(({ address }) => address);
    expect(spelled.size).toBe(4);
    expect(operators.filter((operator) => spelled.has(operator)).length).toBeLessThan(4);
    expect([...aggregator.totals.operators].map(([operator, counts]) => [operator, [...counts]])).toEqual(
      expect.arrayContaining(operators.map((operator) => [operator, [['counted', 1]]])),
    );
    expect(aggregator.totals.operators.size).toBe(4);
    const stored = await store.answers(
      { chainId: chainId(L1), taskId: task.taskId },
      (await store.task({ chainId: chainId(L1), taskId: task.taskId }))?.referenceTimestamp ?? 0,
    );
    expect(stored.map(({ operator }) => parseAddress(operator)).sort()).toEqual([...operators].sort());
  },
  60_000,
);
