/**
 * Verifies the signatures of responses in a worker thread. What arrives while the thread is busy
 * becomes its next batch, so that the more there is to do the cheaper each response gets.
 */
import { Worker } from 'node:worker_threads';
import { abortError } from '../../base/clock.js';
import { explain, PonosError } from '../../base/error.js';
import type { Logger } from '../../base/logger.js';
import type { ResponseToVerify, Verdict } from './judge.js';
import type { VerifyReply, VerifyRequest } from './messages.js';

export interface VerifierOptions {
  /** CommonJS text of verify-worker.ts with everything it imports. */
  readonly workerSource: string;
  readonly logger: Logger;
  /** Most responses of one batch; bounds how long a response can wait for the others of its batch. */
  readonly maxBatch?: number;
  /** A batch that takes longer counts as a crash of the thread. */
  readonly batchTimeoutMs?: number;
}

interface Job {
  readonly response: ResponseToVerify;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
  /** Threads that ended while they had this response. */
  crashes: number;
}

/** Crashes of a thread that a response may be part of: the second time it is alone in its batch. */
const MAX_CRASHES = 2;

export function createVerifier(options: VerifierOptions): Verifier {
  return new Verifier(options);
}

export class Verifier {
  readonly #options: Required<VerifierOptions>;
  #worker: Worker | undefined;
  #waiting: Job[] = [];
  #batch: Job[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: VerifierOptions) {
    this.#options = { maxBatch: 256, batchTimeoutMs: 60_000, ...options };
    this.#worker = this.#startWorker();
  }

  /**
   * @returns undefined when both signatures are the operator's, else the reason why not
   * @throws PonosError ABORTED after `close`
   */
  verify(response: ResponseToVerify): Promise<Verdict> {
    if (this.#closed) return Promise.reject(abortError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ response: detached(response), resolve, reject, crashes: 0 });
      this.#sendNextBatch();
    });
  }

  /** Ends the thread; responses that are not verified yet are rejected with ABORTED. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const abandoned = [...this.#batch, ...this.#waiting];
    this.#batch = [];
    this.#waiting = [];
    for (const job of abandoned) job.reject(abortError());
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#options.workerSource, { eval: true });
    let failure: unknown;
    worker.on('message', (reply: VerifyReply) => this.#receive(reply));
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (exitCode) => {
      if (worker === this.#worker) this.#recover(failure, exitCode);
    });
    return worker;
  }

  #sendNextBatch(): void {
    if (this.#closed || this.#batch.length > 0) return;
    const first = this.#waiting[0];
    if (first === undefined) return;
    // A response that was there when a thread ended is verified alone, so that it takes no other along.
    const sharing = this.#waiting.findIndex((job) => job.crashes > 0);
    const size = first.crashes > 0 ? 1 : sharing < 0 ? this.#options.maxBatch : sharing;
    this.#batch = this.#waiting.splice(0, Math.min(size, this.#options.maxBatch));
    const request: VerifyRequest = { responses: this.#batch.map((job) => job.response) };
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage(request);
    this.#timer = setTimeout(() => void this.#worker?.terminate(), this.#options.batchTimeoutMs);
  }

  #receive(reply: VerifyReply): void {
    clearTimeout(this.#timer);
    const batch = this.#batch;
    this.#batch = [];
    for (const [position, job] of batch.entries()) job.resolve(reply.verdicts[position]);
    this.#sendNextBatch();
  }

  /** The thread has ended by itself: what it had is tried once more, on a new one. */
  #recover(failure: unknown, exitCode: number): void {
    clearTimeout(this.#timer);
    this.#worker = undefined;
    const batch = this.#batch;
    this.#batch = [];
    const retried: Job[] = [];
    for (const job of batch) {
      job.crashes += 1;
      if (job.crashes < MAX_CRASHES) retried.push(job);
      else
        job.reject(
          new PonosError('INTERNAL', {
            message: 'the verification of a response failed twice',
            cause: failure,
          }),
        );
    }
    this.#waiting.unshift(...retried);
    this.#options.logger.warn('the verification thread ended', {
      exitCode,
      reason: failure === undefined ? undefined : explain(failure),
      responses: batch.length,
    });
    this.#sendNextBatch();
  }
}

/** A copy whose bytes have buffers of their own: posting a view would copy the whole message it looks into. */
function detached(response: ResponseToVerify): ResponseToVerify {
  return {
    ...response,
    resultDigest: Uint8Array.from(response.resultDigest),
    resultSignature: Uint8Array.from(response.resultSignature),
    authDigest: Uint8Array.from(response.authDigest),
    authSignature: Uint8Array.from(response.authSignature),
  };
}
