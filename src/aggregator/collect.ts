/**
 * Collecting: which responses count, and when they are enough. A response counts once it names the
 * task and the operator that was asked, both its signatures verify, and it is stored; executors of
 * other makes never answer a task twice, so an answer that is lost in a crash is lost for ever.
 */
import { type Address, type Hash32, parseAddress, parseTaskId } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { keccak256 } from '../crypto/keccak.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  RESULT_VERSION,
  resultAuthMessage,
  taskMessageHash,
} from '../protocol/result.js';
import { type NonePolicy, type Tally, type TallyResponse, tally } from '../protocol/tally.js';
import { meetsThreshold, votingWeight } from '../protocol/threshold.js';
import type { TaskResult } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { PlannedOperator, TaskPlan } from './task-plan.js';
import type { ResponseToVerify, Verdict } from './verify/judge.js';

/** The contracts' transactions carry the output: a longer one could not be submitted. */
export const MAX_OUTPUT_BYTES = 1.5 * 1024 * 1024;

/** What is kept of a response. */
export interface Answer {
  readonly output: Uint8Array;
  readonly resultSignature: Uint8Array;
  readonly authSignature: Uint8Array;
}

/**
 * Why a response does not count: it is of `another request`, has a `bad signature`, is `repeated`, or is fine and
 * could not be verified or stored here.
 */
export interface Rejection {
  readonly kind: 'another request' | 'bad signature' | 'repeated' | 'not kept';
  /** In words, for people. */
  readonly reason: string;
}

/** An answer that counts. */
export interface CountedAnswer {
  readonly operator: PlannedOperator;
  readonly messageHash: Hash32;
  readonly resultSignature: Uint8Array;
}

export interface CollectorOptions {
  readonly plan: TaskPlan;
  readonly nonePolicy: NonePolicy;
  readonly verify: (response: ResponseToVerify) => Promise<Verdict>;
  /** Resolves when the answer survives a crash. */
  readonly store: (operator: Address, answer: Answer) => Promise<void>;
}

/**
 * Whether a winner can still come when operators of this weight and number have yet to answer.
 * @param heaviest weight of the heaviest group, if there is one
 */
export function canStillWin(
  plan: Pick<TaskPlan, 'consensus' | 'totalWeight'>,
  nonePolicy: NonePolicy,
  heaviest: bigint | undefined,
  outstanding: { readonly count: number; readonly weight: bigint },
): boolean {
  const best = (heaviest ?? 0n) + outstanding.weight;
  if (heaviest === undefined && outstanding.count === 0) return false;
  if (plan.consensus.kind === 'threshold') return meetsThreshold(best, plan.totalWeight, plan.consensus.bips);
  return nonePolicy !== 'majority' || best * 2n > plan.totalWeight;
}

/** Undefined when a response is to this request by this operator, else what is wrong with it. */
export function mismatch(plan: TaskPlan, operator: PlannedOperator, result: TaskResult): string | undefined {
  const { task } = plan;
  if (result.version !== RESULT_VERSION) return `it has version ${result.version}`;
  if (!sameText(parseTaskId, result.taskId, task.taskId)) return 'it is for another task';
  if (!sameText(parseAddress, result.operatorAddress, operator.operator)) return 'it names another operator';
  if (!sameText(parseAddress, result.avsAddress, task.avs)) return 'it names another AVS';
  if (result.operatorSetId !== task.operatorSetId) return 'it names another operator set';
  if (result.output.length > MAX_OUTPUT_BYTES) return `its output has ${result.output.length} bytes`;
  return undefined;
}

/** Strangers spell addresses and ids in any case; equal bytes are equal. */
function sameText<T extends string>(parse: (text: string) => T, found: string, expected: T): boolean {
  try {
    return parse(found) === expected;
  } catch {
    return false;
  }
}

/** The digests that the signatures of an answer must be over, computed here, without the chain. */
export function responseToVerify(
  plan: TaskPlan,
  operator: PlannedOperator,
  answer: Answer,
): ResponseToVerify {
  const { task } = plan;
  const { resultSignature, authSignature } = answer;
  const messageHash = taskMessageHash(task.taskId, answer.output);
  const authDigest = keccak256(
    resultAuthMessage({
      taskId: task.taskId,
      avs: task.avs,
      operator: operator.operator,
      operatorSetId: task.operatorSetId,
      resultSignature,
    }),
  );
  if (operator.key.curve === 'bn254') {
    const resultDigest = keccak256(bn254CertificatePreimage(task.referenceTimestamp, messageHash));
    const publicKey = operator.key.publicKey.g2;
    return { curve: 'bn254', publicKey, resultDigest, resultSignature, authDigest, authSignature };
  }
  const preimage = ecdsaCertificatePreimage(task.referenceTimestamp, messageHash, plan.ecdsaDomainSeparator);
  const { signer } = operator.key;
  return {
    curve: 'ecdsa',
    signer,
    resultDigest: keccak256(preimage),
    resultSignature,
    authDigest,
    authSignature,
  };
}

/** The answers to one task. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #responses: TallyResponse[] = [];
  readonly #counted = new Map<Address, CountedAnswer>();
  /** Operators whose answer is being verified or stored. */
  readonly #pending = new Set<Address>();
  readonly #outputs = new Map<Hash32, Uint8Array>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Answers that count, by operator. */
  get counted(): ReadonlyMap<Address, CountedAnswer> {
    return this.#counted;
  }

  /** @returns undefined when the response counts now, else why it is dropped */
  async accept(operator: PlannedOperator, result: TaskResult): Promise<Rejection | undefined> {
    const reason = mismatch(this.#options.plan, operator, result);
    if (reason !== undefined) return { kind: 'another request', reason };
    const { output, resultSignature, authSignature } = result;
    return this.#count(operator, { output, resultSignature, authSignature }, true);
  }

  /** Takes up an answer stored earlier. It is verified again: the task may have another table since. */
  restore(operator: PlannedOperator, answer: Answer): Promise<Rejection | undefined> {
    return this.#count(operator, answer, false);
  }

  async #count(operator: PlannedOperator, answer: Answer, store: boolean): Promise<Rejection | undefined> {
    const { plan, verify } = this.#options;
    if (this.#counted.has(operator.operator) || this.#pending.has(operator.operator)) {
      return { kind: 'repeated', reason: 'the operator has answered before' };
    }
    this.#pending.add(operator.operator);
    try {
      const verdict = await verify(responseToVerify(plan, operator, answer));
      if (verdict !== undefined) return { kind: 'bad signature', reason: verdict };
      if (store) await this.#options.store(operator.operator, answer);
    } finally {
      this.#pending.delete(operator.operator);
    }
    const messageHash = toHex<Hash32>(taskMessageHash(plan.task.taskId, answer.output));
    if (!this.#outputs.has(messageHash)) this.#outputs.set(messageHash, Uint8Array.from(answer.output));
    const resultSignature = Uint8Array.from(answer.resultSignature);
    this.#counted.set(operator.operator, { operator, messageHash, resultSignature });
    this.#responses.push({
      operatorIndex: operator.index,
      messageHash,
      weight: votingWeight(operator.weights),
    });
    return undefined;
  }

  /** @param silent operators that will not answer any more; @param collectingEnds see `TallyInput` */
  tally(silent: number, collectingEnds: boolean): Tally {
    const { plan, nonePolicy } = this.#options;
    return tally({
      responses: this.#responses,
      consensus: plan.consensus,
      nonePolicy,
      totalWeight: plan.totalWeight,
      operatorCount: plan.operators.length - silent,
      collectingEnds,
    });
  }

  /** The output behind a message hash of the tally. */
  output(messageHash: Hash32): Uint8Array | undefined {
    return this.#outputs.get(messageHash);
  }
}
