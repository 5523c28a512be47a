/** How one task's result comes on chain: by a transaction of this run, of an earlier one, or by somebody else's. */
import { formatEther } from 'ethers';
import type { Hash32 } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { untilAborted } from '../base/clock.js';
import type { PonosError } from '../base/error.js';
import { encodeSubmitResult } from '../chain/contracts/task-mailbox.js';
import { certificateRefusal } from '../chain/contracts/verify-certificate.js';
import type { TransactionWaiter } from '../chain/pending-transaction.js';
import { maxCostWei, type Receipt } from '../chain/transaction.js';
import { keccak256 } from '../crypto/keccak.js';
import { TaskStatus } from '../protocol/enums.js';
import type { StoredTask } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { CertifiedResult } from './certify.js';
import type { ChainContext } from './chain-context.js';
import type { FairStages } from './fair-stages.js';
import { newsReporter } from './retry-until.js';
import { type MinedTransaction, type SubmitOutcome, submit } from './submit.js';
import type { TaskJournal } from './task-journal.js';
import type { TaskPlan } from './task-plan.js';
import { queued } from './task-queue.js';

export interface SettlementOptions {
  readonly task: StoredTask;
  readonly chain: ChainContext;
  readonly store: Pick<AggregatorStore, 'task'>;
  readonly journal: TaskJournal;
  readonly stages: Pick<FairStages, 'submitting'>;
}

export class Settlement {
  readonly #options: SettlementOptions;
  /** Transactions of this task, earlier runs' included. */
  #attempts: number;
  /** The last of them; a node may have it that has said that it has not. */
  #transactionHash: Hash32 | undefined;

  constructor(options: SettlementOptions) {
    this.#options = options;
    this.#attempts = options.task.attempts;
    this.#transactionHash = options.task.transactionHash;
  }

  /** Submits until the task is settled. @throws as `submit` does */
  async submit(plan: TaskPlan, certified: CertifiedResult, signal: AbortSignal): Promise<SubmitOutcome> {
    const outcome = await this.#submit(plan, certified, signal);
    // The receipt of ours may have been unknown for so long that the mailbox was the first to tell.
    return outcome.kind === 'verified' ? outcome : this.alreadyVerified(signal);
  }

  #submit(plan: TaskPlan, certified: CertifiedResult, signal: AbortSignal): Promise<SubmitOutcome> {
    const { certificate, output, signers, nonSigners } = certified;
    const { task, chain, journal, stages } = this.#options;
    const { mailbox, time, sender, client, gas } = chain;
    const { taskId, blockTimestampSeconds, avs, operatorSetId } = task;
    const call = { to: mailbox.address, data: encodeSubmitResult(taskId, certificate, output) };
    const kind = `${avs}/${operatorSetId} ${signers.length} signers, ${Math.ceil(call.data.length / 256)} x 256 bytes`;
    const certifiedOutput = toHex<Hash32>(keccak256(output));
    // A silent endpoint must hold up neither the deadline nor the node's end.
    const status = () => untilAborted(mailbox.getTaskStatus(taskId, 'latest'), signal);
    const waiter: TransactionWaiter = {
      fields: { taskId },
      onSigned: ({ hash }) => this.#noteTransaction(hash, certifiedOutput, signal),
      onSent: (transaction) => {
        const { hash, gasLimit } = transaction;
        const maxCostEth = formatEther(maxCostWei(transaction));
        const nonSignerCount = nonSigners.length;
        journal.reach('submitted', { transaction: hash, gasLimit, maxCostEth, nonSigners: nonSignerCount });
      },
      // After the task's end, too: what is still on its way then could only revert. A task that is not there at all
      // is one whose block a reorg took, and which may come back.
      isNeeded: async () => {
        const now = await mailbox.getTaskStatus(taskId, 'latest');
        return now === TaskStatus.created || now === TaskStatus.none;
      },
    };
    return submit(
      {
        createdAtSeconds: blockTimestampSeconds,
        chainTime: time,
        status,
        awaitEarlier: async () => {
          const earlier = { subject: taskId, hash: this.#transactionHash };
          return mined(await sender.resume(earlier, waiter, signal));
        },
        ready: (until, onWait) => sender.ready(until, onWait),
        simulate: () => untilAborted(gas.simulate({ client, sender, call, kind }), signal),
        turn: (until) => stages.submitting(chain.chainId).enter(queued(task), until),
        send: async (needed, until, onPlaced) =>
          mined(await sender.send({ ...call, ...waiter, subject: taskId, gas: needed, onPlaced }, until)),
        verifierRefusal: () => untilAborted(this.#verifierRefusal(plan, certificate), signal),
        onHookRevert: (error) =>
          journal.logger.warn("the AVS's hook refuses the result; it is asked anew each block", { error }),
        onRetry: newsReporter(journal.logger, 'the result cannot be submitted now, trying again'),
      },
      signal,
    );
  }

  #verifierRefusal(plan: TaskPlan, certificate: Uint8Array): Promise<PonosError | undefined> {
    const { client: caller, addresses } = this.#options.chain;
    const { curve, consensus, operators, task } = plan;
    const stakeTypes = operators[0]?.weights.length ?? 0;
    return certificateRefusal({
      caller,
      curve,
      verifier: curve === 'bn254' ? addresses.bn254CertificateVerifier : addresses.ecdsaCertificateVerifier,
      operatorSet: { avs: task.avs, id: task.operatorSetId },
      certificate,
      thresholds:
        consensus.kind === 'threshold' ? [consensus.bips] : Array.from({ length: stakeTypes }, () => 0),
    });
  }

  /** Whose result is on chain: that of a transaction of ours, maybe of an earlier run, or somebody else's. */
  async alreadyVerified(signal: AbortSignal): Promise<SubmitOutcome> {
    const { store, task, chain, journal } = this.#options;
    const { transactionHash } =
      (await journal.persistently('the task cannot be read from the store now', signal, () =>
        store.task(task),
      )) ?? {};
    if (transactionHash === undefined) return { kind: 'completed elsewhere' };
    const receipt = await journal.persistently('the receipt of the result cannot be read now', signal, () =>
      untilAborted(chain.sender.receipt(transactionHash), signal),
    );
    if (receipt?.status !== 'succeeded') return { kind: 'completed elsewhere' };
    return { kind: 'verified', transaction: mined(receipt) };
  }

  /**
   * What a task comes to whose deadline has passed by the estimate. The mailbox compares times of blocks, so that no
   * task is given up before a block past its deadline is there: a transaction sent in time may be mined in one of
   * that time, told of later, and a chain that stood still may go on where it stopped.
   * @returns undefined when it is over without a result; `time left` when it can be worked on again
   */
  async afterDeadline(stop: AbortSignal): Promise<SubmitOutcome | 'time left' | undefined> {
    const { task, chain, journal } = this.#options;
    const { time } = chain;
    while (time.head.timestampSeconds <= task.deadlineSeconds) {
      await time.nextHead(stop);
      if (time.nowSeconds() >= task.deadlineSeconds) continue;
      journal.logger.info("the chain goes on within the task's time: it is taken up again");
      return 'time left';
    }
    const wasVerified = this.#attempts > 0 ? await this.#wasVerified(stop) : await this.#isVerified(stop);
    return wasVerified ? this.alreadyVerified(stop) : undefined;
  }

  /** Whether another aggregator has brought a result on chain; asked once, a chain that is silent has none to tell of. */
  async #isVerified(stop: AbortSignal): Promise<boolean> {
    const { task, chain } = this.#options;
    const status = chain.mailbox.getTaskStatus(task.taskId, 'latest');
    return (await untilAborted(status, stop).catch(() => undefined)) === TaskStatus.verified;
  }

  /** Whether our own transaction was; asked until the chain answers. */
  async #wasVerified(stop: AbortSignal): Promise<boolean> {
    const { task, chain, journal } = this.#options;
    const status = await journal.persistently('the status of the task cannot be read now', stop, () =>
      untilAborted(chain.mailbox.getTaskStatus(task.taskId, 'latest'), stop),
    );
    return status === TaskStatus.verified;
  }

  /** Stored before it is sent, so that a restart knows of it. */
  async #noteTransaction(
    transactionHash: Hash32,
    certifiedOutput: Hash32,
    signal: AbortSignal,
  ): Promise<void> {
    const { journal } = this.#options;
    this.#attempts += 1;
    this.#transactionHash = transactionHash;
    await journal.change({ attempts: this.#attempts, transactionHash, certifiedOutput }, signal);
  }
}

function mined(receipt: Receipt): MinedTransaction;
function mined(receipt: Receipt | undefined): MinedTransaction | undefined;
function mined(receipt: Receipt | undefined): MinedTransaction | undefined {
  if (receipt === undefined) return undefined;
  const { hash, status, gasUsed, costWei } = receipt;
  return { hash, succeeded: status === 'succeeded', gasUsed, costWei };
}
