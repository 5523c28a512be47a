/**
 * Collecting: which responses count, and when they are enough. A response counts once it names the
 * task and the operator that was asked, both its signatures verify, and it is stored; executors of
 * other makes never answer a task twice, so an answer that is lost in a crash is lost for ever.
 */
import { type Address, type Hash32, parseAddress, parseTaskId } from '../base/brands.js';
import { equalBytes, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
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

/** Where answers outlive a crash. Outputs may be long and all different, so that they are held nowhere else. */
export interface AnswerStore {
  /** Resolves when the answer survives a crash, with the hash by which `output` gives its output back. */
  readonly record: (operator: Address, answer: Answer) => Promise<Hash32>;
  readonly output: (outputHash: Hash32) => Promise<Uint8Array>;
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
  readonly answers: AnswerStore;
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

/** What an operator signs for an output, and how the output is known. */
export interface OutputDigests {
  readonly messageHash: Uint8Array;
  /** Which the result signature must be over. */
  readonly resultDigest: Uint8Array;
}

/** Computed here, without the chain. */
export function outputDigests(
  { task, curve, ecdsaDomainSeparator }: TaskPlan,
  output: Uint8Array,
): OutputDigests {
  const messageHash = taskMessageHash(task.taskId, output);
  const preimage =
    curve === 'bn254'
      ? bn254CertificatePreimage(task.referenceTimestamp, messageHash)
      : ecdsaCertificatePreimage(task.referenceTimestamp, messageHash, ecdsaDomainSeparator);
  return { messageHash, resultDigest: keccak256(preimage) };
}

/** The signatures of an answer with the digests they must be over, and whose they must be. */
export function responseToVerify(
  { task }: TaskPlan,
  { operator, key }: PlannedOperator,
  { resultSignature, authSignature }: Pick<Answer, 'resultSignature' | 'authSignature'>,
  { resultDigest }: OutputDigests,
): ResponseToVerify {
  const { taskId, avs, operatorSetId } = task;
  const authDigest = keccak256(resultAuthMessage({ taskId, avs, operator, operatorSetId, resultSignature }));
  const signed = { resultDigest, resultSignature, authDigest, authSignature };
  return key.curve === 'bn254'
    ? { curve: 'bn254', publicKey: key.publicKey.g2, ...signed }
    : { curve: 'ecdsa', signer: key.signer, ...signed };
}

/** The answers to one task. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #responses: TallyResponse[] = [];
  readonly #counted = new Map<Address, CountedAnswer>();
  /** Operators whose answer is being verified or stored. */
  readonly #pending = new Set<Address>();
  /** By message hash, what the output behind it is stored as. */
  readonly #outputs = new Map<Hash32, Hash32>();
  /** Of the last output: they may be long, and most are the same. */
  #last: { readonly output: Uint8Array; readonly digests: OutputDigests } | undefined;

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
    const answer = { output, resultSignature, authSignature };
    return this.#count(operator, answer, () => this.#options.answers.record(operator.operator, answer));
  }

  /**
   * Takes up an answer stored earlier, with an output of this hash. It is verified again: the task may have another
   * table since.
   */
  restore(operator: PlannedOperator, answer: Answer, outputHash: Hash32): Promise<Rejection | undefined> {
    return this.#count(operator, answer, async () => outputHash);
  }

  /** @param store resolves, when the answer is stored, with the hash of its output */
  async #count(
    operator: PlannedOperator,
    answer: Answer,
    store: () => Promise<Hash32>,
  ): Promise<Rejection | undefined> {
    const { plan, verify } = this.#options;
    if (this.#counted.has(operator.operator) || this.#pending.has(operator.operator)) {
      return { kind: 'repeated', reason: 'the operator has answered before' };
    }
    const digests = this.#digestsOf(answer.output);
    this.#pending.add(operator.operator);
    let outputHash: Hash32;
    try {
      const verdict = await verify(responseToVerify(plan, operator, answer, digests));
      if (verdict !== undefined) return { kind: 'bad signature', reason: verdict };
      outputHash = await store();
    } finally {
      this.#pending.delete(operator.operator);
    }
    const messageHash = toHex<Hash32>(digests.messageHash);
    this.#outputs.set(messageHash, outputHash);
    const resultSignature = Uint8Array.from(answer.resultSignature);
    this.#counted.set(operator.operator, { operator, messageHash, resultSignature });
    this.#responses.push({
      operatorIndex: operator.index,
      messageHash,
      weight: votingWeight(operator.weights),
    });
    return undefined;
  }

  #digestsOf(output: Uint8Array): OutputDigests {
    if (this.#last === undefined || !equalBytes(this.#last.output, output)) {
      this.#last = { output, digests: outputDigests(this.#options.plan, output) };
    }
    return this.#last.digests;
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

  /** The output behind a message hash of the tally. @throws PonosError INTERNAL for another one, and the store's */
  async output(messageHash: Hash32): Promise<Uint8Array> {
    const outputHash = this.#outputs.get(messageHash);
    if (outputHash === undefined)
      throw new PonosError('INTERNAL', { message: 'the winning output is missing' });
    return this.#options.answers.output(outputHash);
  }
}
