/** Whether the executor takes work, and why not. What it says is what its gRPC health says. */
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';

type Obstacle = 'starting' | 'store' | 'draining';

export interface IntakeOptions {
  /** Called once when the store fails; `storeRecovered` is to follow. */
  readonly onStoreFailure: () => void;
  readonly logger: Logger;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #obstacles = new Set<Obstacle>(['starting']);
  readonly #watchers: ((serving: boolean) => void)[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** @throws PonosError ABORTED while starting or stopping, STORE_UNAVAILABLE after the store has failed */
  check(): void {
    if (this.#obstacles.size === 0) return;
    if (this.#obstacles.has('draining')) {
      throw new PonosError('ABORTED', { message: 'this node is shutting down' });
    }
    if (this.#obstacles.has('starting'))
      throw new PonosError('ABORTED', { message: 'this node is starting' });
    throw new PonosError('STORE_UNAVAILABLE', { message: 'this node cannot store answers at the moment' });
  }

  /** Calls `watcher` with the state of now and at each change. */
  watch(watcher: (serving: boolean) => void): void {
    this.#watchers.push(watcher);
    watcher(this.#obstacles.size === 0);
  }

  /** Starting is over: calls are taken from now on. */
  open(): void {
    this.#remove('starting');
  }

  /** No further calls are taken; those under way go on. */
  drain(): void {
    this.#add('draining');
  }

  /** The store could not be read or written. */
  storeFailed(error: unknown): void {
    if (this.#obstacles.has('store')) return;
    this.#options.logger.error('the store failed; no work is taken until it works again', { error });
    this.#add('store');
    this.#options.onStoreFailure();
  }

  /** A write has succeeded again. */
  storeRecovered(): void {
    this.#options.logger.info('the store works again; work is taken');
    this.#remove('store');
  }

  #add(obstacle: Obstacle): void {
    this.#obstacles.add(obstacle);
    this.#tell();
  }

  #remove(obstacle: Obstacle): void {
    this.#obstacles.delete(obstacle);
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher(this.#obstacles.size === 0);
  }
}
