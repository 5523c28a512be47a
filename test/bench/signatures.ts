/** Processor time that the signatures of one task take: checking what each operator signed, and the certificate. */
import mcl from 'mcl-wasm';
import { certify } from '../../src/aggregator/certify.js';
import { Collector } from '../../src/aggregator/collect.js';
import type { TaskPlan } from '../../src/aggregator/task-plan.js';
import { Judge, type ResponseToVerify, type Verdict } from '../../src/aggregator/verify/judge.js';
import { parseTaskId } from '../../src/base/brands.js';
import { toHex, word } from '../../src/base/bytes.js';
import { Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import type { CurveName } from '../../src/crypto/curve.js';
import { answerStore, honestResult, newTask, operatorOf, taskPlan } from '../unit/aggregator/world.js';
import type { BenchResult } from './result.js';

const CURVES: readonly CurveName[] = ['bn254', 'ecdsa'];
const OPERATORS = [4, 50, 100, 200];
const ROUNDS = 9;
/** The claim is about the best: what else runs on the machine makes processor time longer, never shorter. */
const CLAIMED = { operators: 100, limitMs: 150 };

interface TaskCost {
  readonly verifyMs: number;
  readonly certifyMs: number;
}

interface Row extends TaskCost {
  readonly curve: CurveName;
  readonly operators: number;
  readonly medianMs: number;
  /** Of the first task of this table, whose keys were never met. */
  readonly firstMs: number;
}

export async function benchSignatures(): Promise<BenchResult> {
  await loadBn254();
  const rows: Row[] = [];
  for (const curve of CURVES) {
    for (const operators of OPERATORS) {
      // Of its own, so that it has met no key of another table.
      const bn254 = new Bn254(mcl);
      const judge = new Judge(bn254);
      const newKeys = await oneTask(bn254, judge, curve, operators, 0);
      const rounds: TaskCost[] = [];
      for (let round = 1; round <= ROUNDS; round += 1)
        rounds.push(await oneTask(bn254, judge, curve, operators, round));
      const [best, ...others] = rounds.sort((a, b) => totalMs(a) - totalMs(b));
      const median = others[(ROUNDS - 1) / 2 - 1];
      if (best === undefined || median === undefined) continue;
      rows.push({ curve, operators, ...best, medianMs: totalMs(median), firstMs: totalMs(newKeys) });
    }
  }
  const claimed = rows.filter(({ operators }) => operators === CLAIMED.operators);
  return {
    question: `CPU ms for the signatures of one task whose operators all answer, the best and the median of ${ROUNDS} tasks of one table, and the table's first`,
    table: [
      [
        'curve',
        'operators',
        'responses checked',
        'certificate',
        'together',
        'per response',
        'median',
        'first task',
      ],
      ...rows.map((row) => [
        row.curve,
        String(row.operators),
        row.verifyMs.toFixed(1),
        row.certifyMs.toFixed(1),
        totalMs(row).toFixed(1),
        (totalMs(row) / row.operators).toFixed(2),
        row.medianMs.toFixed(1),
        row.firstMs.toFixed(1),
      ]),
    ],
    claim: `${CLAIMED.operators} responses take less than ${CLAIMED.limitMs} ms of CPU, on either curve`,
    passed: claimed.every((row) => totalMs(row) < CLAIMED.limitMs),
    figures: { rows },
  };
}

/** All responses at once, as they come from executors that are equally fast: one batch. */
async function oneTask(
  bn254: Bn254,
  judge: Judge,
  curve: CurveName,
  operators: number,
  round: number,
): Promise<TaskCost> {
  const weights = Array.from({ length: operators }, () => 1n);
  const task = newTask({ taskId: parseTaskId(toHex(word(round))) });
  const plan: TaskPlan = taskPlan(bn254, curve, weights, { kind: 'threshold', bips: 10_000 }, task);
  const results = weights.map((_, index) => honestResult(bn254, plan, index, 'the output'));
  const waiting: { response: ResponseToVerify; resolve: (verdict: Verdict) => void }[] = [];
  const collector = new Collector({
    plan,
    nonePolicy: 'all',
    verify: (response) => new Promise((resolve) => waiting.push({ response, resolve })),
    answers: answerStore(),
  });
  const beforeVerify = process.cpuUsage();
  const accepted = Promise.all(
    results.map((result, index) => collector.accept(operatorOf(plan, index), result)),
  );
  const verdicts = judge.judge(waiting.map(({ response }) => response));
  for (const [index, { resolve }] of waiting.entries()) resolve(verdicts[index]);
  const reasons = await accepted;
  const verifyMs = cpuMsSince(beforeVerify);
  const { winner } = collector.tally(0, false);
  const output = winner && (await collector.output(winner.messageHash));
  if (winner === undefined || output === undefined || reasons.some((reason) => reason !== undefined)) {
    throw new Error('honest responses do not count');
  }
  const beforeCertify = process.cpuUsage();
  certify(plan, winner, collector.counted, output, bn254);
  return { verifyMs, certifyMs: cpuMsSince(beforeCertify) };
}

function totalMs({ verifyMs, certifyMs }: TaskCost): number {
  return verifyMs + certifyMs;
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
