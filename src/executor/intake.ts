/** Whether the executor takes work, and why not. What it says is what its gRPC health says. */
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';

type Obstacle = 'starting' | 'store' | 'draining';

export interface IntakeOptions {
  /** Called when the state of gRPC health is to change. */
  readonly onChange: (serving: boolean) => void;
  readonly logger: Logger;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #obstacles = new Set<Obstacle>(['starting']);

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** @throws PonosError ABORTED while starting or stopping, STORE_UNAVAILABLE after a failed write */
  check(): void {
    if (this.#obstacles.size === 0) return;
    if (this.#obstacles.has('draining')) {
      throw new PonosError('ABORTED', { message: 'this node is shutting down' });
    }
    if (this.#obstacles.has('starting'))
      throw new PonosError('ABORTED', { message: 'this node is starting' });
    throw new PonosError('STORE_UNAVAILABLE', { message: 'this node cannot store answers at the moment' });
  }

  /** Starting is over: calls are taken from now on. */
  open(): void {
    this.#remove('starting');
  }

  /** No further calls are taken; those under way go on. */
  drain(): void {
    this.#add('draining');
  }

  /** An answer could not be stored. @returns whether that is news */
  storeFailed(error: unknown): boolean {
    if (this.#obstacles.has('store')) return false;
    this.#options.logger.error(
      'an answer could not be stored; no work is taken until the store works again',
      {
        error,
      },
    );
    this.#add('store');
    return true;
  }

  storeRecovered(): void {
    this.#options.logger.info('the store works again; work is taken');
    this.#remove('store');
  }

  #add(obstacle: Obstacle): void {
    this.#obstacles.add(obstacle);
    this.#options.onChange(false);
  }

  #remove(obstacle: Obstacle): void {
    this.#obstacles.delete(obstacle);
    if (this.#obstacles.size === 0) this.#options.onChange(true);
  }
}
