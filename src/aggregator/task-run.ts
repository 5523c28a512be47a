/** One task from its record in the store to its end: intake → gather → certify → submit. */
import { type Address, blockNumber, type ChainId, type Hash32 } from '../base/brands.js';
import { type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { encodeSubmitResult } from '../chain/contracts/task-mailbox.js';
import type { OperatorTables } from '../chain/operator-tables.js';
import type { Receipt } from '../chain/transaction.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import { TaskStatus } from '../protocol/enums.js';
import type { NonePolicy, ResponseGroup } from '../protocol/tally.js';
import type { ExecutorClient } from '../rpc/channel-pool.js';
import type { Signer } from '../signer/signer.js';
import { isFinished, type StoredTask, type TaskChange, type TaskKey } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { type CertifiedResult, certify } from './certify.js';
import type { ChainContext } from './chain-context.js';
import { type Answer, Collector } from './collect.js';
import { gather } from './gather.js';
import { type IntakeOptions, takeIn } from './intake.js';
import { isReorged } from './reorged.js';
import { retryUntil } from './retry-until.js';
import { type MinedTransaction, type SubmitOutcome, submit } from './submit.js';
import { type TaskPlan, taskName } from './task-plan.js';
import type { TaskEnd, TaskTracker } from './tracker.js';
import type { Verifier } from './verify/verifier.js';

export interface TaskRunDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<AggregatorStore, 'task' | 'updateTask' | 'recordAnswer' | 'answers' | 'avss'>;
  readonly tracker: TaskTracker;
  readonly chains: ReadonlyMap<ChainId, ChainContext>;
  readonly l1: IntakeOptions['l1'];
  readonly tables: OperatorTables;
  readonly aggregator: Address;
  /** This node's signing keys. */
  readonly signers: ReadonlyMap<CurveName, Signer>;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly bn254: Bn254;
  /** The client of where an operator of an AVS is now. */
  readonly connect: (registrar: Address, operator: Address) => Promise<ExecutorClient>;
  readonly nonePolicy: NonePolicy;
  readonly quorumWindowMs: number;
}

/**
 * Works on a task until it is settled, and stores what became of it. Interrupted by a shutdown it
 * stays as it is in the store, to be taken up at the next start.
 */
export async function runTask(
  key: TaskKey,
  dependencies: TaskRunDependencies,
  signal: AbortSignal,
): Promise<void> {
  const task = await dependencies.store.task(key);
  if (task === undefined || isFinished(task)) return;
  const chain = dependencies.chains.get(task.chainId);
  if (chain === undefined) return;
  await new TaskRun(task, chain, dependencies).run(signal);
}

class TaskRun {
  readonly #task: StoredTask;
  readonly #chain: ChainContext;
  readonly #deps: TaskRunDependencies;
  readonly #logger: Logger;
  readonly #name: string;
  #attempts: number;

  constructor(task: StoredTask, chain: ChainContext, dependencies: TaskRunDependencies) {
    this.#task = task;
    this.#chain = chain;
    this.#deps = dependencies;
    this.#name = taskName(task);
    this.#attempts = task.attempts;
    this.#logger = dependencies.logger.child({ taskId: task.taskId, chainId: task.chainId, avs: task.avs });
  }

  async run(stop: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const expired = new AbortController();
    const expiry = this.#chain.time
      .until(this.#task.deadlineSeconds, AbortSignal.any([stop, ended.signal]))
      .then(
        () =>
          expired.abort(new PonosError('TASK_EXPIRED', { message: 'the deadline of the task has passed' })),
        () => undefined, // settled or stopped before its deadline
      );
    try {
      await this.#settle(await this.#outcome(AbortSignal.any([stop, expired.signal]), stop), stop);
    } catch (error) {
      if (stop.aborted) this.#interrupted(stop);
      else await this.#fail(error, stop);
    } finally {
      ended.abort();
      await expiry;
    }
  }

  async #outcome(signal: AbortSignal, stop: AbortSignal): Promise<SubmitOutcome> {
    try {
      return await this.#work(signal);
    } catch (error) {
      if (stop.aborted || !isPonosError(error, 'TASK_EXPIRED')) throw error;
      const wasVerified =
        this.#attempts > 0 ? await this.#wasVerifiedInTime(stop) : await this.#isVerified(stop);
      if (wasVerified) return this.#alreadyVerified(stop);
      throw error;
    }
  }

  async #work(signal: AbortSignal): Promise<SubmitOutcome> {
    this.#deps.tracker.reach(this.#name, 'seen');
    throwIfAborted(signal);
    const [plan] = await Promise.all([this.#takeIn(signal), this.#change({ status: 'processing' }, signal)]);
    if (plan === undefined) return this.#alreadyVerified(signal);
    this.#reach('taken', {
      curve: plan.curve,
      operatorSetId: plan.task.operatorSetId,
      operators: plan.operators.length,
      taskBlockNumber: plan.taskBlockNumber,
    });
    await this.#keepOperatorSet(plan);
    const collector = await this.#collector(plan, signal);
    const group = await this.#gather(plan, collector, signal);
    const certified = this.#certify(plan, collector, group);
    return this.#submit(certified, signal);
  }

  /** Whose result is on chain: that of a transaction of ours, maybe of an earlier run, or somebody else's. */
  async #alreadyVerified(signal: AbortSignal): Promise<SubmitOutcome> {
    const { store } = this.#deps;
    const { transactionHash } = (await store.task(this.#task)) ?? {};
    if (transactionHash === undefined) return { kind: 'completed elsewhere' };
    const receipt = await this.#persistently('the receipt of the result cannot be read now', signal, () =>
      untilAborted(this.#chain.sender.receipt(transactionHash), signal),
    );
    if (receipt?.status !== 'succeeded') return { kind: 'completed elsewhere' };
    return { kind: 'verified', transactionHash };
  }

  /** Whether another aggregator has brought a result on chain; asked once, a chain that is silent has none to tell of. */
  async #isVerified(stop: AbortSignal): Promise<boolean> {
    const status = this.#chain.mailbox.getTaskStatus(this.#task.taskId, 'latest');
    return (await untilAborted(status, stop).catch(() => undefined)) === TaskStatus.verified;
  }

  /** A transaction sent just before the deadline may be mined in a block of that time, told of later. */
  async #wasVerifiedInTime(stop: AbortSignal): Promise<boolean> {
    const { time, mailbox } = this.#chain;
    while (time.head.timestampSeconds <= this.#task.deadlineSeconds) await time.nextHead(stop);
    const status = await this.#persistently('the status of the task cannot be read now', stop, () =>
      mailbox.getTaskStatus(this.#task.taskId, 'latest'),
    );
    return status === TaskStatus.verified;
  }

  /** Undefined when the task's result is on chain already. */
  async #takeIn(signal: AbortSignal): Promise<TaskPlan | undefined> {
    const { l1, tables, aggregator, signers } = this.#deps;
    const signingCurves = new Set(signers.keys());
    const options = { l1, tables, aggregator, signingCurves, chain: this.#chain };
    const intake = await this.#persistently('the task cannot be read now', signal, () =>
      untilAborted(takeIn(this.#task, options), signal),
    );
    return intake.kind === 'planned' ? intake.plan : undefined;
  }

  /** For people to look at: nothing depends on it, so that a failure holds nothing up. */
  async #keepOperatorSet({ task, curve, registrar, operators, totalWeight }: TaskPlan): Promise<void> {
    const { store, clock } = this.#deps;
    const { avs, operatorSetId: id, referenceTimestamp } = task;
    const table = { referenceTimestamp, operators: operators.length, totalWeight: totalWeight.toString() };
    const record = { avs, id, role: 'executor', registrar, curve, table, readAtMs: clock.nowMs() } as const;
    await store.avss
      .noteOperatorSet(record)
      .catch((error: unknown) =>
        this.#logger.warn('what was read of an operator set cannot be stored', { error }),
      );
  }

  /** With the answers of an earlier run, which executors may not be willing to give twice. */
  async #collector(plan: TaskPlan, signal: AbortSignal): Promise<Collector> {
    const { store, verifier, nonePolicy, clock } = this.#deps;
    const { referenceTimestamp } = plan.task;
    const record = (operator: Address, { output, resultSignature, authSignature }: Answer) =>
      this.#persistently('an answer cannot be stored now', signal, () =>
        store.recordAnswer(this.#task, {
          operator,
          referenceTimestamp,
          output,
          resultSignature,
          authSignature,
          receivedAtMs: clock.nowMs(),
        }),
      );
    const verify: Verifier['verify'] = (response) => verifier.verify(response);
    const collector = new Collector({ plan, nonePolicy, verify, store: record });
    const stored = await this.#persistently('stored answers cannot be read now', signal, () =>
      store.answers(this.#task, referenceTimestamp),
    );
    await Promise.all(
      stored.map(async (answer) => {
        const operator = plan.operators.find((candidate) => candidate.operator === answer.operator);
        const reason = operator && (await collector.restore(operator, answer));
        if (operator === undefined || reason === undefined) return;
        this.#logger.warn('a stored answer does not count any more', { operator: operator.operator, reason });
      }),
    );
    return collector;
  }

  async #gather(plan: TaskPlan, collector: Collector, signal: AbortSignal): Promise<ResponseGroup> {
    const { aggregator, clock, connect, nonePolicy, quorumWindowMs, signers } = this.#deps;
    const signer = signers.get(plan.aggregatorCurve);
    if (signer === undefined)
      throw new PonosError('INTERNAL', { message: 'a task was planned without a key for it' });
    this.#reach('sent', { operators: plan.operators.length - collector.counted.size });
    return gather(
      {
        plan,
        collector,
        nonePolicy,
        quorumWindowMs,
        chainTime: this.#chain.time,
        distribution: {
          aggregator,
          signer,
          clock,
          connect: ({ operator }) => connect(plan.registrar, operator),
        },
        report: {
          counted: ({ operator }) => {
            this.#deps.tracker.reach(this.#name, 'answered');
            this.#note(operator, 'counted');
            this.#logger.debug('a response counts', { operator });
          },
          dropped: ({ operator }, reason) => {
            this.#note(operator, reason);
            this.#logger.warn('a response was dropped', { operator, reason });
          },
          callFailed: ({ operator }, reason, final) => this.#callFailed(operator, reason, final),
        },
      },
      signal,
    );
  }

  #callFailed(operator: Address, reason: string, final: boolean): void {
    const isNews = this.#deps.tracker.stories.get(this.#name)?.operators.get(operator) !== reason;
    this.#note(operator, reason);
    if (final) this.#logger.warn('an executor refuses the task', { operator, reason });
    else if (isNews) this.#logger.warn('an executor cannot be asked now, trying again', { operator, reason });
    else this.#logger.debug('an executor cannot be asked yet', { operator, reason });
  }

  #certify(plan: TaskPlan, collector: Collector, group: ResponseGroup): CertifiedResult {
    const output = collector.output(group.messageHash);
    if (output === undefined) throw new PonosError('INTERNAL', { message: 'the winning output is missing' });
    const certified = certify(plan, group, collector.counted, output, this.#deps.bn254);
    this.#reach('threshold met', {
      signers: certified.signers,
      nonSigners: certified.nonSigners,
      weight: group.weight,
      totalWeight: plan.totalWeight,
    });
    for (const { operator, messageHash } of collector.counted.values()) {
      if (messageHash === group.messageHash) continue;
      this.#logger.warn('an operator signed another output than the winning one', {
        operator: operator.operator,
        messageHash,
      });
    }
    return certified;
  }

  #submit({ certificate, output, signers }: CertifiedResult, signal: AbortSignal): Promise<SubmitOutcome> {
    const { mailbox, time, sender, client, gas } = this.#chain;
    const { taskId, blockTimestampSeconds, avs, operatorSetId } = this.#task;
    const call = { to: mailbox.address, data: encodeSubmitResult(taskId, certificate, output) };
    const kind = `${avs}/${operatorSetId} ${signers.length} signers, ${Math.ceil(call.data.length / 256)} x 256 bytes`;
    const onSigned = ({ hash }: { readonly hash: Hash32 }) => this.#noteTransaction(hash, signal);
    const waiter = { fields: { taskId }, onSigned };
    return submit(
      {
        createdAtSeconds: blockTimestampSeconds,
        chainTime: time,
        // A silent endpoint must hold up neither the deadline nor the node's end.
        status: () => untilAborted(mailbox.getTaskStatus(taskId, 'latest'), signal),
        awaitEarlier: async () => {
          const earlier = { subject: taskId, hash: this.#task.transactionHash };
          return mined(await sender.resume(earlier, waiter, signal));
        },
        simulate: () => untilAborted(gas.simulate({ client, sender, call, kind }), signal),
        send: async (needed) =>
          mined(await sender.send({ ...call, ...waiter, subject: taskId, gas: needed }, signal)),
        onHookRevert: (error) =>
          this.#logger.warn("the AVS's hook refuses the result; it is asked anew each block", { error }),
        onRetry: this.#reporter('the result cannot be submitted now, trying again'),
      },
      signal,
    );
  }

  /** Stored before it is sent, so that a restart knows of it. */
  async #noteTransaction(transactionHash: Hash32, signal: AbortSignal): Promise<void> {
    this.#attempts += 1;
    await this.#change({ attempts: this.#attempts, transactionHash }, signal);
    this.#reach('submitted', { transaction: transactionHash });
  }

  async #settle(outcome: SubmitOutcome, stop: AbortSignal): Promise<void> {
    const sent = outcome.kind === 'verified' ? { transactionHash: outcome.transactionHash } : {};
    // Not the head itself: another endpoint may have told of the result a block ahead of it.
    const settledAtBlock = blockNumber(this.#chain.time.head.number + 1);
    await this.#change({ status: 'completed', settledAtBlock, ...sent }, stop);
    const tookMs = this.#end(outcome.kind);
    if (outcome.kind === 'verified')
      this.#logger.info('task verified', { transaction: outcome.transactionHash, tookMs });
    else this.#logger.info('task completed: its result was on chain already', { tookMs });
  }

  async #fail(error: unknown, stop: AbortSignal): Promise<void> {
    const story = this.#deps.tracker.stories.get(this.#name);
    const [lastStep, operators] = [story?.step, [...(story?.operators ?? [])]];
    const reason = explain(error);
    // Stored as long as there is a store and nobody stops us: a task must not be lost in silence.
    await this.#change({ status: 'failed', reason: `${reason} (after: ${lastStep ?? 'seen'})` }, stop).catch(
      (failure: unknown) => this.#logger.error('what became of a task cannot be stored', { error: failure }),
    );
    this.#end('failed');
    const log = isPonosError(error) && error.kind !== 'bug' ? this.#logger.warn : this.#logger.error;
    log('task failed', {
      reason,
      lastStep,
      operators: operators.map(([operator, what]) => `${operator}: ${what}`),
    });
  }

  #interrupted(stop: AbortSignal): void {
    const isReorg = isReorged(stop.reason);
    this.#end(isReorg ? 'reorged' : 'interrupted');
    if (isReorg) this.#logger.warn('task cancelled: its block is no longer on the chain');
    else this.#logger.info('task interrupted; it is taken up again at the next start');
  }

  #reach(step: Parameters<TaskTracker['reach']>[1], fields: Readonly<Record<string, unknown>>): void {
    this.#deps.tracker.reach(this.#name, step);
    this.#logger.info(`task ${step}`, fields);
  }

  #note(operator: Address, what: string): void {
    this.#deps.tracker.operator(this.#name, operator, what);
  }

  /** @returns milliseconds since the task was first seen by this process */
  #end(end: TaskEnd): number {
    const { reachedAtMs } = this.#deps.tracker.end(this.#name, end);
    const nowMs = this.#deps.clock.nowMs();
    return nowMs - (reachedAtMs.get('seen') ?? nowMs);
  }

  #change(change: Omit<TaskChange, 'updatedAtMs'>, signal: AbortSignal): Promise<StoredTask> {
    return this.#persistently('the task cannot be stored now', signal, () =>
      this.#deps.store.updateTask(this.#task, { ...change, updatedAtMs: this.#deps.clock.nowMs() }),
    );
  }

  #persistently<T>(problem: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const onRetry = this.#reporter(`${problem}, trying again`);
    return retryUntil(attempt, { clock: this.#deps.clock, signal, onRetry });
  }

  /** Warns of a problem when it is news; a chain that is down for long tells it once per task. */
  #reporter(problem: string): (error: unknown) => void {
    let told: string | undefined;
    return (error) => {
      const what = explain(error);
      if (what === told) this.#logger.debug(problem, { error });
      else this.#logger.warn(problem, { error });
      told = what;
    };
  }
}

function mined(receipt: Receipt): MinedTransaction;
function mined(receipt: Receipt | undefined): MinedTransaction | undefined;
function mined(receipt: Receipt | undefined): MinedTransaction | undefined {
  return receipt && { hash: receipt.hash, succeeded: receipt.status === 'succeeded' };
}
