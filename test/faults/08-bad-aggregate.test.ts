/** Threat 8: of many signatures the bad ones are found by halving, and nothing that is summed up changes. */
import { expect, test } from '@jest/globals';
import mcl from 'mcl-wasm';
import { certify } from '../../src/aggregator/certify.js';
import { Collector, outputDigests, responseToVerify } from '../../src/aggregator/collect.js';
import { Judge } from '../../src/aggregator/verify/judge.js';
import { toHex } from '../../src/base/bytes.js';
import { Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { answerStore, honestAnswer, honestResult, operatorOf, taskPlan } from '../unit/aggregator/world.js';

const OPERATORS = 64;
const equalWeights = (count: number) => Array.from({ length: count }, () => 1n);

/** The same library, with its final exponentiations counted: there is one in each check of an equation. */
async function countingBn254() {
  await loadBn254();
  const counts = { checks: 0 };
  const counting = new Proxy(mcl, {
    get(library, name, receiver) {
      const value = Reflect.get(library, name, receiver);
      if (name !== 'finalExp') return value;
      return (...args: Parameters<typeof mcl.finalExp>) => {
        counts.checks += 1;
        return mcl.finalExp(...args);
      };
    },
  });
  return { bn254: new Bn254(counting), counts };
}

test.each([
  ['none', [], 1],
  // A check of all 128 signatures, and of at most both halves at each of the seven levels down to one.
  ['one', [17], 1 + 2 * 7],
  ['two that are far apart', [3, 60], 1 + 2 * 2 * 7],
])(
  'behavior: with bad signatures of %s among 64 operators, %j, it takes %i checks or less',
  async (_name, bad, most) => {
    const { bn254, counts } = await countingBn254();
    const plan = taskPlan(bn254, 'bn254', equalWeights(OPERATORS));
    const responses = plan.operators.map((operator) => {
      const answer = honestAnswer(bn254, plan, operator.index, 'output');
      // A point on the curve, and somebody else's signature.
      const resultSignature = bad.includes(operator.index)
        ? honestAnswer(bn254, plan, (operator.index + 1) % OPERATORS, 'output').resultSignature
        : answer.resultSignature;
      const digests = outputDigests(plan, answer.output);
      return { ...responseToVerify(plan, operator, answer, digests), resultSignature };
    });
    counts.checks = 0;
    const verdicts = new Judge(bn254).judge(responses);
    expect(verdicts.flatMap((verdict, index) => (verdict === undefined ? [] : [index]))).toEqual(bad);
    expect(counts.checks).toBeLessThanOrEqual(most);
    expect(counts.checks).toBeGreaterThan(0);
  },
);

test('behavior: summing signatures up leaves each as it was, so that a second certificate has the same bytes', async () => {
  const bn254 = await loadBn254();
  const plan = taskPlan(bn254, 'bn254', equalWeights(4));
  const collector = new Collector({
    plan,
    nonePolicy: 'all',
    verify: async (response) => new Judge(bn254).judge([response])[0],
    answers: answerStore(),
  });
  for (const index of [0, 1, 2])
    await collector.accept(operatorOf(plan, index), honestResult(bn254, plan, index, 'output'));
  const { winner } = collector.tally(0, false);
  if (winner === undefined) throw new Error('no winner');
  const signatures = () =>
    [...collector.counted.values()].map(({ resultSignature }) => toHex(resultSignature));
  const before = signatures();
  const make = () =>
    toHex(certify(plan, winner, collector.counted, new TextEncoder().encode('output'), bn254).certificate);
  const first = make();
  expect(make()).toBe(first);
  expect(signatures()).toEqual(before);
  for (const index of [0, 1, 2])
    expect(before[index]).toBe(toHex(honestAnswer(bn254, plan, index, 'output').resultSignature));
});
