/**
 * A submission's way through the stages: admit → run → sign → remember → answer. One run per task, whoever asks
 * and however often: equal submissions join it, and a caller that hangs up ends its own wait only.
 */
import { setMaxListeners } from 'node:events';
import { type Address, type Hash32, operatorSetKey } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { type Clock, untilAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { keccak256 } from '../crypto/keccak.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { ExecutorStore } from '../store/executor-store.js';
import { type AdmitDependencies, type Admitted, admit } from './admit.js';
import { type Answer, taskResult } from './answer.js';
import type { Intake } from './intake.js';
import type { RefusalLog } from './refusal-log.js';
import { answerKeyOf, payloadConflict, recall, remember } from './remember.js';
import { type RunDependencies, runDeadlineMs, runTask } from './run.js';
import { type SignDependencies, signInTime } from './sign.js';
import { type Submission, taskKey } from './submission.js';

export interface TaskFlowDependencies {
  readonly intake: Intake;
  readonly admit: AdmitDependencies;
  readonly run: RunDependencies;
  readonly sign: SignDependencies;
  readonly store: ExecutorStore;
  /** `ECDSACertificateVerifier` of L1, for tasks that no mailbox in sight knows. */
  readonly l1EcdsaVerifier: Address;
  readonly refusals: RefusalLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Work on one task; whoever asks for the task meanwhile waits for it. */
interface Flight {
  readonly payloadHash: Hash32;
  readonly referenceTimestamp: number;
  readonly answer: Promise<Answer>;
}

export class TaskFlow {
  readonly #deps: TaskFlowDependencies;
  readonly #flights = new Map<string, Flight>();
  readonly #stop = new AbortController();

  constructor(deps: TaskFlowDependencies) {
    this.#deps = deps;
    // Every run listens to it; Node would call ten of them a leak.
    setMaxListeners(0, this.#stop.signal);
  }

  /**
   * Answers a submission.
   * @param peer gRPC's `address:port` of the caller
   * @param signal the caller's: it ends the wait, never the run
   * @throws PonosError as `admit`, `recall`, `runTask`, `signInTime`; STORE_UNAVAILABLE
   */
  async submit(request: TaskSubmission, peer: string, signal?: AbortSignal): Promise<TaskResult> {
    const admitted = await this.#admit(request, peer, signal);
    return taskResult(admitted.submission, await this.#answer(admitted, signal));
  }

  /** Resolves when no task is being worked on. */
  async idle(): Promise<void> {
    while (this.#flights.size > 0) {
      await Promise.allSettled([...this.#flights.values()].map((flight) => flight.answer));
    }
  }

  /** Tasks that are being worked on. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** Ends what is under way; its callers get ABORTED. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  async #admit(request: TaskSubmission, peer: string, signal?: AbortSignal): Promise<Admitted> {
    const { intake, refusals } = this.#deps;
    try {
      intake.check();
      return await admit(request, peer, this.#deps.admit, signal);
    } catch (error) {
      if (!signal?.aborted) refusals.add(request, peer, error);
      throw error;
    }
  }

  async #answer(admitted: Admitted, signal?: AbortSignal): Promise<Answer> {
    const { submission } = admitted;
    const key = taskKey(submission);
    const payloadHash = toHex<Hash32>(keccak256(submission.payload));
    const logger = this.#loggerFor(submission);
    for (;;) {
      // Much may have happened during an await: intake is asked again before work begins.
      this.#deps.intake.check();
      const running = this.#flights.get(key);
      if (running && running.payloadHash !== payloadHash) {
        logger.info('task refused: it is being worked on with another payload');
        throw payloadConflict();
      }
      if (running) logger.info('task joined: it is being worked on already');
      const flight = running ?? this.#takeOff(key, admitted, payloadHash, logger);
      const answer = await untilAborted(flight.answer, signal);
      if (flight.referenceTimestamp === submission.referenceTimestamp) return answer;
    }
  }

  #takeOff(key: string, admitted: Admitted, payloadHash: Hash32, logger: Logger): Flight {
    const flight: Flight = {
      payloadHash,
      referenceTimestamp: admitted.submission.referenceTimestamp,
      answer: this.#work(admitted, payloadHash, logger).finally(() => this.#flights.delete(key)),
    };
    this.#flights.set(key, flight);
    // Its callers may all have hung up by then.
    flight.answer.catch((error: unknown) => logger.warn('task not answered', { error }));
    return flight;
  }

  async #work(admitted: Admitted, payloadHash: Hash32, logger: Logger): Promise<Answer> {
    const { clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    const { submission } = admitted;
    const { referenceTimestamp } = submission;
    const known = await this.#withStore((store) => store.find(answerKeyOf(submission)));
    const recalled = recall(known, { payloadHash, referenceTimestamp });
    if (recalled.action === 'repeat') {
      logger.info('task answered from store');
      return recalled.answer;
    }
    if (recalled.action === 'sign-anew') {
      const answer = await this.#signAndRemember(admitted, payloadHash, recalled.output);
      logger.info('task answered from store, signed for another reference timestamp', { referenceTimestamp });
      return answer;
    }
    logger.info('task received', {
      chainId: admitted.found?.chain.chainId ?? 'unknown',
      referenceTimestamp,
      payloadBytes: submission.payload.length,
    });
    const output = await this.#run(admitted, payloadHash, logger);
    const answer = await this.#signAndRemember(admitted, payloadHash, output);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    logger.info('task answered', { outputBytes: output.length, tookMs });
    return answer;
  }

  /**
   * Runs the task, noted as under way meanwhile. A process that dies between here and the stored answer has signed
   * nothing: the task runs again when it is submitted again.
   */
  async #run(admitted: Admitted, payloadHash: Hash32, logger: Logger): Promise<Uint8Array> {
    const { clock, run } = this.#deps;
    const { referenceTimestamp } = admitted.submission;
    const key = answerKeyOf(admitted.submission);
    const task = { payloadHash, referenceTimestamp, startedAtMs: clock.nowMs() };
    // Beside the run: the note holds up no task, and a store that has failed is known before anything is signed.
    const noted = this.#withStore((store) => store.begin(key, task));
    noted.catch(() => undefined); // awaited below, when the run has succeeded
    try {
      const output = await runTask(admitted, run, this.#stop.signal);
      await noted;
      return output;
    } catch (error) {
      await this.#withStore((store) => store.giveUp(key)).catch((failure: unknown) =>
        logger.debug('a task that was given up stays noted as under way', { error: failure }),
      );
      throw error;
    }
  }

  async #signAndRemember(admitted: Admitted, payloadHash: Hash32, output: Uint8Array): Promise<Answer> {
    const { clock, run, sign, l1EcdsaVerifier } = this.#deps;
    const { submission, curve, found } = admitted;
    const ecdsaVerifier = found?.chain.ecdsaVerifier ?? l1EcdsaVerifier;
    const deadlineMs = runDeadlineMs(admitted, clock.monotonicMs(), run.maxTaskSeconds);
    const signatures = await signInTime(
      { submission, output, curve, ecdsaVerifier },
      sign,
      { clock, deadlineMs, logger: this.#loggerFor(submission) },
      this.#stop.signal,
    );
    const answer = { output, ...signatures };
    return this.#withStore((store) =>
      remember(admitted, payloadHash, answer, {
        store,
        nowMs: clock.nowMs(),
        maxTaskSeconds: run.maxTaskSeconds,
      }),
    );
  }

  async #withStore<T>(use: (store: ExecutorStore) => Promise<T>): Promise<T> {
    try {
      return await use(this.#deps.store);
    } catch (error) {
      if (isPonosError(error, 'STORE_UNAVAILABLE')) this.#deps.intake.storeFailed(error);
      throw error;
    }
  }

  #loggerFor(submission: Submission): Logger {
    return this.#deps.logger.child({
      taskId: submission.taskId,
      operatorSet: operatorSetKey(submission.operatorSet),
      aggregator: submission.aggregator,
    });
  }
}
