/** A small world for the aggregator's unit tests: operators with keys, plans and honest answers. */
import type { Answer, AnswerStore } from '../../../src/aggregator/collect.js';
import { outputDigests, responseToVerify } from '../../../src/aggregator/collect.js';
import type { PlannedOperator, TaskPlan } from '../../../src/aggregator/task-plan.js';
import { blockNumber, chainId, parseAddress, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { toHex, word } from '../../../src/base/bytes.js';
import type { Bn254 } from '../../../src/crypto/bn254/bn254.js';
import type { CurveName } from '../../../src/crypto/curve.js';
import { ecdsaAddress, signEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import type { Consensus } from '../../../src/protocol/consensus.js';
import { operatorTableTree } from '../../../src/protocol/operator-table.js';
import { ecdsaDomainSeparator } from '../../../src/protocol/result.js';
import type { TaskResult } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { NewTask } from '../../../src/store/aggregator-records.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';

export const AVS = parseAddress(`0x${'a5'.repeat(20)}`);
export const DOMAIN = ecdsaDomainSeparator(parseAddress(`0x${'ec'.repeat(20)}`));
export const operatorAddress = (index: number) => parseAddress(toHex(keccak256(word(index)).subarray(0, 20)));
export const textBytes = (text: string) => new TextEncoder().encode(text);

export function newTask(change: Partial<NewTask> = {}): NewTask {
  return {
    chainId: chainId(31337),
    taskId: parseTaskId(`0x${'7a'.repeat(32)}`),
    avs: AVS,
    operatorSetId: 1,
    referenceTimestamp: 900,
    payload: textBytes('0x07'),
    blockNumber: blockNumber(50),
    blockHash: parseHash32(`0x${'b1'.repeat(32)}`),
    blockTimestampSeconds: 1_000,
    deadlineSeconds: 1_100,
    createdAtMs: 1_000_000,
    creator: AVS,
    ...change,
  };
}

/** An aggregator's store with nothing in it, as the collector of one task sees it. */
export function answerStore(task: NewTask = newTask()): AnswerStore {
  const store = createAggregatorStore(createMemoryStore());
  const { referenceTimestamp } = task;
  return {
    record: (operator, answer) =>
      store.recordAnswer(task, { ...answer, operator, referenceTimestamp, receivedAtMs: 1 }),
    async output(outputHash) {
      const found = await store.output(task, outputHash);
      if (found === undefined) throw new Error('there is no such output');
      return found;
    },
  };
}

const bn254Secret = (index: number) => BigInt(index + 1_000);
const ecdsaSecret = (index: number) => keccak256(word(index + 5_000));

export function operators(bn254: Bn254, curve: CurveName, weights: readonly bigint[]): PlannedOperator[] {
  return weights.map((weight, index) => ({
    operator: operatorAddress(index),
    index,
    weights: [weight],
    key:
      curve === 'bn254'
        ? { curve, publicKey: bn254.derivePublicKey(bn254Secret(index)) }
        : { curve, signer: ecdsaAddress(ecdsaSecret(index)) },
  }));
}

export function taskPlan(
  bn254: Bn254,
  curve: CurveName,
  weights: readonly bigint[],
  consensus: Consensus = { kind: 'threshold', bips: 6_667 },
  task: NewTask = newTask(),
): TaskPlan {
  const planned = operators(bn254, curve, weights);
  return {
    task,
    curve,
    consensus,
    endsAtSeconds: task.deadlineSeconds,
    operators: planned,
    ...(curve === 'bn254' ? { leafTree: operatorTableTree(planned.flatMap(leafOf)) } : {}),
    totalWeight: weights.reduce((sum, weight) => sum + weight, 0n),
    taskBlockNumber: 50n,
    aggregatorCurve: curve,
    registrar: AVS,
    ecdsaDomainSeparator: DOMAIN,
  };
}

const leafOf = ({ key, weights }: PlannedOperator) =>
  key.curve === 'bn254' ? [{ pubkey: key.publicKey.g1, weights }] : [];

/** What an honest executor would keep and send for this output. */
export function honestAnswer(bn254: Bn254, plan: TaskPlan, index: number, output: string): Answer {
  const operator = operatorOf(plan, index);
  const draft = {
    output: textBytes(output),
    resultSignature: new Uint8Array(),
    authSignature: new Uint8Array(),
  };
  const sign = (digest: Uint8Array, map: 'solidity' | 'plain') =>
    plan.curve === 'bn254'
      ? bn254.sign(bn254Secret(index), digest, map)
      : signEcdsa(ecdsaSecret(index), digest);
  const digests = outputDigests(plan, draft.output);
  const resultSignature = sign(digests.resultDigest, 'solidity');
  const { authDigest } = responseToVerify(plan, operator, { ...draft, resultSignature }, digests);
  return { ...draft, resultSignature, authSignature: sign(authDigest, 'plain') };
}

export function honestResult(bn254: Bn254, plan: TaskPlan, index: number, output: string): TaskResult {
  const answer = honestAnswer(bn254, plan, index, output);
  return {
    taskId: plan.task.taskId,
    operatorAddress: operatorOf(plan, index).operator,
    output: Buffer.from(answer.output),
    resultSignature: Buffer.from(answer.resultSignature),
    avsAddress: plan.task.avs,
    operatorSetId: plan.task.operatorSetId,
    authSignature: Buffer.from(answer.authSignature),
    version: 1,
  };
}

export function operatorOf(plan: TaskPlan, index: number): PlannedOperator {
  const operator = plan.operators[index];
  if (operator === undefined) throw new Error(`the plan has no operator ${index}`);
  return operator;
}
