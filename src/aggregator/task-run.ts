/** One task from its record in the store to its end: intake → gather → certify → submit. */
import { setMaxListeners } from 'node:events';
import type { Address, ChainId, Hash32 } from '../base/brands.js';
import { type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { OperatorTables } from '../chain/operator-tables.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import type { NonePolicy, ResponseGroup } from '../protocol/tally.js';
import type { Signer } from '../signer/signer.js';
import { isFinished, type StoredTask, type TaskKey } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { certificateCost, quorumWindow } from './certificate-cost.js';
import { type CertifiedResult, certify } from './certify.js';
import type { ChainContext } from './chain-context.js';
import { type Answer, Collector } from './collect.js';
import type { FairStages } from './fair-stages.js';
import { gather } from './gather.js';
import { type IntakeOptions, takeIn } from './intake.js';
import type { NonsignerMemory } from './nonsigner-memory.js';
import type { OperatorPeers } from './operator-peers.js';
import { restoreAnswers } from './restore-answers.js';
import { newsReporter, retryUntil } from './retry-until.js';
import { Settlement } from './settlement.js';
import type { SubmitOutcome } from './submit.js';
import { TaskJournal } from './task-journal.js';
import type { TaskPlan } from './task-plan.js';
import { queued } from './task-queue.js';
import type { RunEnd } from './task-runner.js';
import type { TaskTracker } from './tracker.js';
import type { Verifier } from './verify/verifier.js';

export interface TaskRunDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<
    AggregatorStore,
    'task' | 'updateTask' | 'recordAnswer' | 'answers' | 'output' | 'avss'
  >;
  readonly tracker: TaskTracker;
  readonly chains: ReadonlyMap<ChainId, ChainContext>;
  readonly l1: IntakeOptions['l1'];
  readonly tables: OperatorTables;
  readonly aggregator: Address;
  /** This node's signing keys. */
  readonly signers: ReadonlyMap<CurveName, Signer>;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly bn254: Bn254;
  readonly peers: Pick<OperatorPeers, 'connect' | 'hasMoved' | 'forget'>;
  readonly nonePolicy: NonePolicy;
  /** 0 for none. */
  readonly quorumWindowMs: number;
  readonly nonsigners: NonsignerMemory;
  readonly stages: FairStages;
}

/**
 * Works on a task until it is settled, and stores what became of it. Interrupted by a shutdown it
 * stays as it is in the store, to be taken up at the next start.
 * @param leaveSlot called when there is nothing to do any more but to wait for the chain
 */
export async function runTask(
  key: TaskKey,
  dependencies: TaskRunDependencies,
  signal: AbortSignal,
  leaveSlot: () => void,
): Promise<RunEnd> {
  const task = await readTask(key, dependencies, signal);
  if (task === undefined || isFinished(task)) return 'over';
  const chain = dependencies.chains.get(task.chainId);
  if (chain === undefined) return 'over';
  return new TaskRun(task, chain, dependencies).run(signal, leaveSlot);
}

/**
 * While a full disk keeps the store from being opened anew, not even reading works; a task whose turn comes then would
 * be forgotten until the next start. Undefined when the signal aborts.
 * @throws PonosError STORE_CORRUPT
 */
async function readTask(
  key: TaskKey,
  { store, clock, logger }: TaskRunDependencies,
  signal: AbortSignal,
): Promise<StoredTask | undefined> {
  const { taskId, chainId } = key;
  const named = logger.child({ taskId, chainId });
  const onRetry = newsReporter(named, 'the task cannot be read from the store now, trying again');
  try {
    return await retryUntil(() => store.task(key), { clock, signal, onRetry });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

class TaskRun {
  readonly #task: StoredTask;
  readonly #chain: ChainContext;
  readonly #deps: TaskRunDependencies;
  readonly #journal: TaskJournal;
  readonly #settlement: Settlement;

  constructor(task: StoredTask, chain: ChainContext, dependencies: TaskRunDependencies) {
    const { clock, logger, store, tracker, stages } = dependencies;
    this.#task = task;
    this.#chain = chain;
    this.#deps = dependencies;
    this.#journal = new TaskJournal({ task, chain, clock, logger, store, tracker });
    this.#settlement = new Settlement({ task, chain, store, journal: this.#journal, stages });
  }

  async run(stop: AbortSignal, leaveSlot: () => void): Promise<RunEnd> {
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
      const signal = AbortSignal.any([stop, expired.signal]);
      // A listener for each operator that waits for its turn; Node would call ten a leak.
      setMaxListeners(0, signal);
      const outcome = await this.#outcome(signal, stop, leaveSlot);
      if (outcome === 'time left') return 'again';
      await this.#journal.settled(outcome, stop);
    } catch (error) {
      if (stop.aborted) this.#journal.interrupted(stop);
      else await this.#journal.failed(error, stop);
    } finally {
      ended.abort();
      await expiry;
    }
    return 'over';
  }

  async #outcome(
    signal: AbortSignal,
    stop: AbortSignal,
    leaveSlot: () => void,
  ): Promise<SubmitOutcome | 'time left'> {
    try {
      return await this.#work(signal);
    } catch (error) {
      if (stop.aborted || !isPonosError(error, 'TASK_EXPIRED')) throw error;
      leaveSlot();
      const outcome = await this.#settlement.afterDeadline(stop);
      if (outcome === undefined) throw error;
      return outcome;
    }
  }

  async #work(signal: AbortSignal): Promise<SubmitOutcome> {
    this.#journal.seen();
    throwIfAborted(signal);
    const [plan] = await Promise.all([
      this.#takeIn(signal),
      this.#journal.change({ status: 'processing' }, signal),
    ]);
    if (plan === undefined) return this.#settlement.alreadyVerified(signal);
    if (plan.endsAtSeconds < plan.task.deadlineSeconds) {
      this.#journal.logger.warn(
        "the task's operator table will be too old to certify with before its deadline",
        {
          secondsBeforeDeadline: plan.task.deadlineSeconds - plan.endsAtSeconds,
        },
      );
    }
    this.#journal.reach('taken', {
      curve: plan.curve,
      operatorSetId: plan.task.operatorSetId,
      operators: plan.operators.length,
      taskBlockNumber: plan.taskBlockNumber,
    });
    await this.#keepOperatorSet(plan);
    const collector = await this.#collector(plan, signal);
    const group = await this.#gather(plan, collector, signal);
    const certified = await this.#certify(plan, collector, group);
    return this.#settlement.submit(plan, certified, signal);
  }

  /** Undefined when the task's result is on chain already. */
  async #takeIn(signal: AbortSignal): Promise<TaskPlan | undefined> {
    const { l1, tables, aggregator, signers } = this.#deps;
    const signingCurves = new Set(signers.keys());
    const options = { l1, tables, aggregator, signingCurves, chain: this.#chain };
    const intake = await this.#journal.persistently('the task cannot be read now', signal, () =>
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
        this.#journal.logger.warn('what was read of an operator set cannot be stored', { error }),
      );
  }

  /** With the answers of an earlier run, which executors may not be willing to give twice. */
  async #collector(plan: TaskPlan, signal: AbortSignal): Promise<Collector> {
    const { store, verifier, nonePolicy, clock, stages } = this.#deps;
    const { referenceTimestamp } = plan.task;
    const record = (operator: Address, { output, resultSignature, authSignature }: Answer) =>
      this.#journal.persistently('an answer cannot be stored now', signal, () =>
        store.recordAnswer(this.#task, {
          operator,
          referenceTimestamp,
          output,
          resultSignature,
          authSignature,
          receivedAtMs: clock.nowMs(),
        }),
      );
    const verify: Verifier['verify'] = (response) =>
      stages.verifying.pass(queued(this.#task), signal, () => verifier.verify(response));
    const keptOutput = (outputHash: Hash32) =>
      this.#journal.persistently('an output cannot be read now', signal, () =>
        store.output(this.#task, outputHash),
      );
    const output = async (outputHash: Hash32) => {
      const found = await keptOutput(outputHash);
      if (found === undefined) throw new PonosError('INTERNAL', { message: 'a counted output is missing' });
      return found;
    };
    const collector = new Collector({ plan, nonePolicy, verify, answers: { record, output } });
    const stored = await this.#journal.persistently('stored answers cannot be read now', signal, () =>
      store.answers(this.#task, referenceTimestamp),
    );
    await restoreAnswers({ plan, collector, stored, output: keptOutput, logger: this.#journal.logger });
    return collector;
  }

  async #gather(plan: TaskPlan, collector: Collector, signal: AbortSignal): Promise<ResponseGroup> {
    const { aggregator, clock, peers, nonePolicy, signers, quorumWindowMs, nonsigners, stages } = this.#deps;
    const journal = this.#journal;
    const signer = signers.get(plan.aggregatorCurve);
    if (signer === undefined)
      throw new PonosError('INTERNAL', { message: 'a task was planned without a key for it' });
    journal.reach('sent', { operators: plan.operators.length - collector.counted.size });
    return gather(
      {
        plan,
        collector,
        nonePolicy,
        quorumWindow: quorumWindow(
          plan,
          { chain: this.#chain, quorumWindowMs, nonsigners, logger: journal.logger },
          signal,
        ),
        chainTime: this.#chain.time,
        distribution: {
          aggregator,
          sign: (message) =>
            stages.signing.pass(queued(this.#task), signal, () => signer.sign(message, 'plain')),
          clock,
          connect: ({ operator }) => peers.connect(plan.registrar, operator),
          hasMoved: ({ operator }) => peers.hasMoved(plan.registrar, operator),
        },
        report: {
          counted: ({ operator }) => journal.counted(operator),
          dropped: ({ operator }, rejection) => {
            // Whoever has its socket by now may have answered.
            peers.forget(plan.registrar, operator);
            journal.dropped(operator, rejection);
          },
          callFailed: ({ operator }, reason, final) => journal.callFailed(operator, reason, final),
        },
      },
      signal,
    );
  }

  async #certify(plan: TaskPlan, collector: Collector, group: ResponseGroup): Promise<CertifiedResult> {
    const output = await collector.output(group.messageHash);
    const certified = certify(plan, group, collector.counted, output, this.#deps.bn254);
    this.#journal.reach('threshold met', {
      signers: certified.signers,
      nonSigners: certified.nonSigners,
      weight: certified.weight,
      totalWeight: plan.totalWeight,
      ...certificateCost(plan, certified, this.#deps.nonsigners),
    });
    for (const { operator, messageHash } of collector.counted.values()) {
      if (messageHash !== group.messageHash) this.#journal.disagreed(operator.operator, messageHash);
    }
    return certified;
  }
}
