/**
 * Check 5 of admission: the caller is an aggregator of this AVS, now and at the task's block, and this operator
 * has a key in the operator set. A registered key alone proves nothing: members leave, their keys stay known.
 */
import { type Address, type BlockNumber, blockNumber, type OperatorSet } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import { keccak256 } from '../crypto/keccak.js';
import { equalKeys, type RegisteredKey, verifiesWith } from '../protocol/registered-key.js';
import { submissionMessage } from '../protocol/submission.js';
import { type TokenBucket, takeToken } from '../rpc/peer-limiter.js';
import { type KeyHolder, SteadyKeys } from './steady-keys.js';
import type { Submission } from './submission.js';

/** Reads of L1 as of a block. What a block number answers never changes, so implementations cache. */
export interface AuthorityReader {
  /** The AVS's aggregator operator set and its members. @throws PonosError AVS_UNKNOWN without a registrar */
  aggregators(avs: Address, at: BlockNumber): Promise<AggregatorSet>;
  /** Ids of the AVS's executor operator sets. @throws PonosError AVS_UNKNOWN */
  executorSets(avs: Address, at: BlockNumber): Promise<readonly number[]>;
  /** The key of an operator in an operator set; undefined if it has none. */
  registeredKey(
    operatorSet: OperatorSet,
    operator: Address,
    at: BlockNumber,
  ): Promise<RegisteredKey | undefined>;
  /** The curve an operator set signs with; undefined if it was never configured. */
  curve(operatorSet: OperatorSet, at: BlockNumber): Promise<CurveName | undefined>;
  /** L1 blocks of the operator tables with this reference timestamp, over all chains in sight. */
  tableBlocks(referenceTimestamp: number): Promise<readonly BlockNumber[]>;
}

export interface AggregatorSet {
  readonly operatorSet: OperatorSet;
  readonly members: ReadonlySet<Address>;
}

export interface AuthorityOptions {
  readonly operator: Address;
  /** The keys this node signs with. */
  readonly ownKeys: readonly RegisteredKey[];
  readonly reader: Pick<AuthorityReader, 'aggregators' | 'registeredKey' | 'curve' | 'tableBlocks'>;
  readonly bn254: Pick<Bn254, 'parseSignature' | 'verify'>;
  readonly clock: Clock;
}

/**
 * Reads of past blocks a second for callers whose signature does not verify with the key of today. Such callers
 * are aggregators that changed their key since the task's block, or strangers naming a true aggregator.
 */
const UNPROVEN_READS_PER_SECOND = 5;
/** Whether a key has changed since some block is asked of the block below it that is divisible by this: a day of L1. */
const LANDMARK_BLOCKS = 7_200;

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #steadyKeys = new SteadyKeys();
  #unproven: TokenBucket;

  constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#unproven = { tokens: UNPROVEN_READS_PER_SECOND, updatedMs: options.clock.monotonicMs() };
  }

  /**
   * Checks the caller and our own part in the operator set. Membership at the head comes first and costs one read
   * per L1 block at most; nothing else is read for strangers.
   * @param head block that stands for "now"
   * @param taskBlock the submission's `task_block_number`
   * @returns the curve this operator set's results are signed with
   * @throws PonosError REQUEST_DENIED, REQUEST_LIMIT, OPERATOR_KEY_MISMATCH
   */
  async admit(submission: Submission, head: BlockNumber, taskBlock: BlockNumber): Promise<CurveName> {
    await this.#checkAggregator(submission, head, taskBlock);
    return this.#checkOwnKey(submission, taskBlock);
  }

  async #checkAggregator(submission: Submission, head: BlockNumber, taskBlock: BlockNumber): Promise<void> {
    const { bn254 } = this.#options;
    const { key: keyNow, operatorSet } = await this.#member(submission, head, 'now');
    const holder = keyNow && { operatorSet, aggregator: submission.aggregator, key: keyNow };
    // Not before: a payload of 1.5 MiB takes longer to hash than all that came until here.
    const digest = this.#digest(submission);
    const verified = keyNow !== undefined && verifiesWith(keyNow, digest, submission.signature, bn254);
    if (!verified) await this.#requireChangedKey(submission, holder, taskBlock);
    const { key: keyThen } = await this.#member(submission, taskBlock, 'at the block of the task').catch(
      (error: unknown) => {
        // The AVS, or the contracts of the chain, were not there yet.
        if (!isAbsence(error)) throw error;
        throw denied(submission, 'the AVS had no aggregators at the block of the task', error);
      },
    );
    if (keyThen === undefined) throw denied(submission, 'the aggregator has no key at the block of the task');
    const isSame = holder !== undefined && equalKeys(holder.key, keyThen);
    if (isSame) this.#steadyKeys.note(holder, taskBlock);
    const valid = isSame ? verified : verifiesWith(keyThen, digest, submission.signature, bn254);
    if (!valid) throw notByTheKey(submission);
  }

  #digest(submission: Submission): Uint8Array {
    return keccak256(
      submissionMessage({
        taskId: submission.taskId,
        avs: submission.operatorSet.avs,
        executor: this.#options.operator,
        operatorSetId: submission.operatorSet.id,
        referenceTimestamp: submission.referenceTimestamp,
        taskBlockNumber: submission.taskBlockNumber,
        payload: submission.payload,
      }),
    );
  }

  /**
   * Returns only where another key than the one of now may have signed. Whoever names an aggregator that has kept its
   * key costs one look at each day of blocks, and then none.
   */
  async #requireChangedKey(
    submission: Submission,
    holder: KeyHolder | undefined,
    taskBlock: BlockNumber,
  ): Promise<void> {
    if (holder !== undefined && this.#steadyKeys.covers(holder, taskBlock)) throw notByTheKey(submission);
    this.#countUnproven();
    if (holder === undefined) return;
    const landmark = blockNumber(taskBlock - (taskBlock % LANDMARK_BLOCKS));
    const { operatorSet, aggregator, key } = holder;
    const keyThere = await this.#options.reader
      .registeredKey(operatorSet, aggregator, landmark)
      .catch((error: unknown) => {
        // An endpoint may know the block of the task and none so far back.
        if (!isAbsence(error) && !isPonosError(error, 'CHAIN_NO_HISTORY')) throw error;
      });
    if (keyThere === undefined || !equalKeys(keyThere, key)) return;
    this.#steadyKeys.note(holder, landmark);
    throw notByTheKey(submission);
  }

  async #member(
    submission: Submission,
    at: BlockNumber,
    when: string,
  ): Promise<{ readonly key: RegisteredKey | undefined; readonly operatorSet: OperatorSet }> {
    const { reader } = this.#options;
    const { operatorSet, members } = await reader.aggregators(submission.operatorSet.avs, at);
    if (!members.has(submission.aggregator)) {
      throw denied(submission, `the caller is no member of the AVS's aggregator operator set ${when}`);
    }
    return { key: await reader.registeredKey(operatorSet, submission.aggregator, at), operatorSet };
  }

  #countUnproven(): void {
    const { clock } = this.#options;
    const next = takeToken(
      this.#unproven,
      clock.monotonicMs(),
      UNPROVEN_READS_PER_SECOND,
      UNPROVEN_READS_PER_SECOND,
    );
    if (next === undefined) {
      throw new PonosError('REQUEST_LIMIT', {
        message: 'too many submissions whose signature does not verify with the key of today',
      });
    }
    this.#unproven = next;
  }

  async #checkOwnKey(submission: Submission, taskBlock: BlockNumber): Promise<CurveName> {
    const { reader, operator } = this.#options;
    const { operatorSet } = submission;
    const curve = await reader.curve(operatorSet, taskBlock);
    if (curve === undefined)
      throw denied(submission, 'the operator set has no curve at the block of the task');
    const own = this.#options.ownKeys.find((key) => key.curve === curve);
    const registered = await reader.registeredKey(operatorSet, operator, taskBlock);
    if (own && registered && equalKeys(own, registered)) return curve;
    // An operator that has left, or changed its key, is still needed for the table it is in.
    let found = registered;
    for (const block of await reader.tableBlocks(submission.referenceTimestamp)) {
      const atTable = await reader.registeredKey(operatorSet, operator, block);
      if (own && atTable && equalKeys(own, atTable)) return curve;
      found ??= atTable;
    }
    if (found === undefined) throw denied(submission, 'this operator has no key in the operator set');
    throw new PonosError('OPERATOR_KEY_MISMATCH', {
      message: own
        ? `the ${curve} key of this node is not the one registered for its operator`
        : `the operator set signs with ${curve}, and this node has no such key`,
      facts: { operator, avs: operatorSet.avs, operatorSetId: operatorSet.id },
      advice: 'Configure the registered key under operator.signingKeys, or register the configured one.',
    });
  }
}

function notByTheKey(submission: Submission): PonosError {
  return denied(submission, 'the signature is not by the registered key of the aggregator');
}

/** Something was not there yet at that block. */
function isAbsence(error: unknown): boolean {
  return isPonosError(error, 'AVS_UNKNOWN') || isPonosError(error, 'CONTRACT_MISSING');
}

function denied(submission: Submission, message: string, cause?: unknown): PonosError {
  return new PonosError('REQUEST_DENIED', {
    message,
    facts: {
      aggregator: submission.aggregator,
      avs: submission.operatorSet.avs,
      operatorSetId: submission.operatorSet.id,
      taskBlockNumber: submission.taskBlockNumber,
    },
    cause,
  });
}
