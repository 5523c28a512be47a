/** The performers of one AVS: the one that gets its tasks, the one that is to replace it, and those that finish theirs. */
import type { Address, TaskId } from '../base/brands.js';
import { abortError } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { EarlierPerformer, SupervisorWorld } from './performer-start.js';
import type { PerformerState, PerformerStatus } from './performer-state.js';
import type { PerformerSpec, ProgressListener } from './runtime.js';
import type { ServingInstance } from './serving-instance.js';
import {
  type Deployed,
  type SupervisedPerformer,
  type SupervisorOptions,
  supervisePerformer,
} from './supervised-performer.js';

export interface AvsPerformerOptions extends SupervisorWorld {
  readonly avs: Address;
  /** How long a performer that is replaced or removed may finish its tasks. */
  readonly drainMs: number;
}

export interface DeployOptions {
  readonly onProgress?: ProgressListener;
  /**
   * Awaited when the new performer is healthy, before it gets tasks. What it throws fails the deployment; afterwards
   * the deployment cannot be given up.
   */
  readonly beforeService?: () => Promise<void>;
}

/** How long one that is removed may take to end by itself once it has no tasks. */
const STOP_GRACE_MS = 10_000;

export class AvsPerformer {
  readonly #options: AvsPerformerOptions;
  #current: SupervisedPerformer | undefined;
  #staged: SupervisedPerformer | undefined;
  readonly #leaving = new Map<SupervisedPerformer, Promise<void>>();
  /** Wakes who waits for a change. */
  readonly #waiting = new Set<() => void>();

  constructor(options: AvsPerformerOptions) {
    this.#options = options;
  }

  /** Whether there is nothing left of it. */
  get isEmpty(): boolean {
    return this.#current === undefined && this.#staged === undefined && this.#leaving.size === 0;
  }

  /** The one in service first. */
  list(): PerformerState[] {
    const states: PerformerState[] = [];
    const add = (performer: SupervisedPerformer | undefined, status: PerformerStatus) => {
      if (performer !== undefined) states.push({ ...performer.state, status });
    };
    add(this.#current, this.#current?.serving ? 'InService' : 'OutOfService');
    add(this.#staged, 'Staged');
    for (const performer of this.#leaving.keys()) add(performer, 'Draining');
    return states;
  }

  /** The instance that gets tasks. @throws PonosError PERFORMER_MISSING, PERFORMER_UNAVAILABLE */
  serving(): ServingInstance {
    if (this.#current === undefined) throw missing(this.#options.avs);
    const instance = this.#current.serving;
    if (instance === undefined) throw this.#unavailable(this.#current);
    return instance;
  }

  /** At the start of the node: takes over what an earlier run has left, or deploys, and goes on trying. */
  start(
    options: Pick<SupervisorOptions, 'spec' | 'earlier' | 'mayDeploy'> & {
      readonly earlier?: EarlierPerformer;
    },
  ): SupervisedPerformer {
    this.#current = this.#supervise({ ...options, retriesStart: true });
    return this.#current;
  }

  /**
   * Brings another performer into service beside the present one, which finishes its tasks then and is removed. If it
   * fails, the present one stays.
   * @param signal gives it up
   * @throws PonosError DEPLOYMENT_UNDER_WAY, what the deployment failed with, ABORTED
   */
  async deploy(spec: PerformerSpec, options: DeployOptions, signal: AbortSignal): Promise<Deployed> {
    if (this.#staged !== undefined) {
      throw new PonosError('DEPLOYMENT_UNDER_WAY', {
        message: 'another performer of this AVS is being deployed',
        facts: { avs: this.#options.avs, performer: this.#staged.state.id },
        advice: 'Wait for its end, or remove it.',
      });
    }
    const giveUp = () => void this.#end(staged, 'the deployment was given up', 0);
    const staged = this.#supervise({
      spec,
      retriesStart: false,
      onProgress: options.onProgress,
      beforeService: async () => {
        signal.removeEventListener('abort', giveUp);
        await options.beforeService?.();
      },
    });
    this.#staged = staged;
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await staged.firstDeployment;
    } catch (error) {
      await this.#end(staged, 'it could not be deployed', 0);
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
      if (this.#staged === staged) this.#staged = undefined;
    }
  }

  /**
   * Resolves when it is gone; undefined when there is none of this id.
   * @param beforeRemoval awaited first; the performer is the same one afterwards, whatever id a restart has given it
   */
  remove(
    performerId: string,
    reason: string,
    beforeRemoval?: () => Promise<void>,
  ): Promise<void> | undefined {
    const found = [this.#current, this.#staged, ...this.#leaving.keys()].find(
      (performer) => performer?.state.id === performerId,
    );
    if (found === undefined) return undefined;
    const end = () => this.#end(found, reason, found === this.#current ? this.#options.drainMs : 0);
    return beforeRemoval === undefined ? end() : beforeRemoval().then(end);
  }

  /** As `PerformerPool.execute`. */
  async execute(taskId: TaskId, payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const instance = this.serving();
    try {
      return await instance.execute(taskId, payload, signal);
    } catch (error) {
      if (!isPonosError(error, 'PERFORMER_UNAVAILABLE')) throw error;
      const isStill = instance === this.#current?.serving && (await instance.isHealthy(signal));
      const recovered = isStill ? instance : await this.#another(instance, signal);
      return recovered.execute(taskId, payload, signal);
    }
  }

  async close(graceMs: number): Promise<void> {
    const all = [this.#current, this.#staged, ...this.#leaving.keys()];
    const ending = { drainMs: 0, graceMs, reason: 'the node stopped' };
    const ended = all.map((performer) => performer?.end(ending));
    this.#announce();
    await Promise.all(ended);
  }

  #supervise(options: Omit<SupervisorOptions, keyof SupervisorWorld | 'onChange'>): SupervisedPerformer {
    const performer: SupervisedPerformer = supervisePerformer({
      ...this.#options,
      ...options,
      onChange: () => {
        if (performer === this.#staged && performer.serving !== undefined) this.#promote(performer);
        this.#announce();
      },
    });
    return performer;
  }

  /** At one stroke: every task goes to the new one from here on. */
  #promote(performer: SupervisedPerformer): void {
    const former = this.#current;
    this.#current = performer;
    this.#staged = undefined;
    if (former === undefined) return;
    this.#end(former, 'replaced by another deployment', this.#options.drainMs).catch((error: unknown) =>
      this.#options.logger.error('a replaced performer could not be removed', { error }),
    );
  }

  #end(performer: SupervisedPerformer, reason: string, drainMs: number): Promise<void> {
    const ended = performer.end({ drainMs, graceMs: STOP_GRACE_MS, reason });
    if (this.#current === performer) this.#current = undefined;
    if (this.#staged === performer) return ended; // `deploy` has it until it is gone
    const gone = ended.finally(() => this.#leaving.delete(performer));
    this.#leaving.set(performer, gone);
    this.#announce();
    return gone;
  }

  /** An instance in service other than this one, as soon as there is one. @throws PonosError when there will be none soon */
  async #another(lost: ServingInstance, signal: AbortSignal): Promise<ServingInstance> {
    for (;;) {
      if (signal.aborted) throw abortError(signal);
      const current = this.#current;
      if (current === undefined) throw missing(this.#options.avs);
      const { serving } = current;
      if (serving !== undefined && serving !== lost) return serving;
      if (serving === undefined && !current.isRecovering) throw this.#unavailable(current);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  #announce(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #unavailable({ state }: SupervisedPerformer): PonosError {
    return new PonosError('PERFORMER_UNAVAILABLE', {
      message: `the performer is not in service: ${state.reason ?? 'it is being deployed'}`,
      facts: { avs: this.#options.avs },
    });
  }
}

/** The refusal of a task of an AVS that nothing runs for. */
export function missing(avs: Address): PonosError {
  return new PonosError('PERFORMER_MISSING', {
    message: 'this node has no performer for the AVS',
    facts: { avs },
  });
}
