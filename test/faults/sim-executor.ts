/** An executor of a simulation: of several AVSs, with moods, with keys that change when it joins again. */
import { ServerError, Status } from 'nice-grpc-common';
import { type Address, parseAddress, parseTaskId, type TaskId } from '../../src/base/brands.js';
import type { Bn254 } from '../../src/crypto/bn254/bn254.js';
import type { CastOperator } from '../../src/devnet/cast.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { withKeysFor } from '../support/more-avss.js';
import { type ScriptedExecutor, scriptedExecutor } from '../support/scripted-executor.js';
import { AVSS, type Mood, SETS } from './sim-plan.js';

export interface SimExecutorOptions {
  readonly operator: CastOperator;
  readonly avss: readonly Address[];
  /** Where it listens, and where it moves to and back. */
  readonly sockets: readonly [string, string];
  readonly bn254: Bn254;
  readonly ecdsaVerifier: Address;
}

interface Keys {
  /** Reference timestamp from which tables have them. */
  readonly sinceSeconds: number;
  readonly signer: ScriptedExecutor;
}

export class SimExecutor {
  readonly operator: CastOperator;
  /** Tasks for which it gave the aggregator anything but the true answer. */
  readonly betrayed = new Set<TaskId>();
  readonly #options: SimExecutorOptions;
  readonly #listeners: readonly ScriptedExecutor[];
  /** By AVS, the newest keys last. */
  readonly #keys: readonly Keys[][];
  #place = 0;
  #mood: Mood = 'honest';
  /** Resolves when the mood changes. */
  #changed: Promise<void> = Promise.resolve();
  #change: () => void = () => undefined;

  constructor(options: SimExecutorOptions) {
    this.#options = options;
    this.operator = options.operator;
    this.#keys = options.avss.map((_, avs) => [
      { sinceSeconds: 0, signer: this.#signer(withKeysFor(options.operator, avs)) },
    ]);
    this.#listeners = options.sockets.map((socket) => {
      const listener = this.#signer(options.operator, socket);
      listener.answer = (submission, signal) => {
        listener.submissions.length = 0;
        return this.#answer(submission, signal);
      };
      return listener;
    });
  }

  /** Where it is now. */
  get socket(): string {
    return this.#options.sockets[this.#place] ?? '';
  }

  async listen(): Promise<void> {
    await this.#listeners[this.#place]?.listen();
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) await listener.close();
  }

  async become(mood: Mood): Promise<void> {
    if (mood === this.#mood) return;
    const wasDown = this.#mood === 'down';
    this.#mood = mood;
    this.#tellChange();
    if (mood === 'down') await this.close();
    else if (wasDown) await this.listen();
  }

  async move(): Promise<void> {
    await this.close();
    this.#place = 1 - this.#place;
    if (this.#mood !== 'down') await this.listen();
  }

  /** Keys that nobody has registered: a key can be registered once. */
  nextKeys(avs: number): CastOperator {
    return withKeysFor(this.operator, avs + AVSS * (this.#keys[avs]?.length ?? 0));
  }

  useKeys(avs: number, keys: CastOperator, sinceSeconds: number): void {
    this.#keys[avs]?.push({ sinceSeconds, signer: this.#signer(keys) });
  }

  async #answer(submission: TaskSubmission, signal: AbortSignal): Promise<TaskResult> {
    if (signal.aborted) throw new ServerError(Status.CANCELLED, 'nobody waits for it any more');
    const taskId = parseTaskId(submission.taskId);
    switch (this.#mood) {
      case 'honest':
      case 'down':
        return this.#sign(submission);
      case 'silent':
        await this.#changed;
        return this.#answer(submission, signal);
      case 'refusing':
        this.betrayed.add(taskId);
        throw new ServerError(Status.PERMISSION_DENIED, 'not for you');
      case 'lying':
        this.betrayed.add(taskId);
        return this.#sign(submission, `a lie of ${this.operator.name}`);
      case 'forging': {
        this.betrayed.add(taskId);
        const result = await this.#sign(submission);
        const resultSignature = Buffer.from(result.resultSignature);
        resultSignature[7] = (resultSignature[7] ?? 0) ^ 1;
        return { ...result, resultSignature };
      }
    }
  }

  /** Those who wait in silence go on in the new mood. */
  #tellChange(): void {
    this.#change();
    this.#changed = new Promise((resolve) => {
      this.#change = resolve;
    });
  }

  #sign(submission: TaskSubmission, output?: string): Promise<TaskResult> {
    const avs = this.#options.avss.indexOf(parseAddress(submission.avsAddress));
    const { referenceTimestamp } = submission;
    const keys = this.#keys[avs]?.findLast(({ sinceSeconds }) => sinceSeconds <= referenceTimestamp);
    if (keys === undefined) throw new ServerError(Status.NOT_FOUND, 'no such AVS');
    return keys.signer.honest(submission, output);
  }

  #signer(operator: CastOperator, socket = ''): ScriptedExecutor {
    const { bn254, ecdsaVerifier } = this.#options;
    const curveOf = (set: number) => (set === SETS[0] ? 'bn254' : 'ecdsa');
    return scriptedExecutor({ operator, socket, bn254, ecdsaVerifier, curveOf });
  }
}
