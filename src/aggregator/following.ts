/** All chains followed at once, with what is read of their past, until the node stops. */
import { setMaxListeners } from 'node:events';
import type { Address, ChainId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { type FollowedChain, followChain } from './follow-chain.js';
import type { OpenedChain } from './open-chain.js';
import { reorgedError } from './reorged.js';
import type { ServedAvss } from './served-avss.js';
import { taskName } from './task-plan.js';
import { queued } from './task-queue.js';
import type { TaskRunner } from './task-runner.js';

export interface FollowingOptions {
  readonly chains: readonly OpenedChain[];
  readonly store: AggregatorStore;
  readonly served: ServedAvss;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends everything. */
  readonly stop: AbortSignal;
}

export interface Follows {
  /** Works on the tasks that are found. */
  readonly runner: Pick<TaskRunner, 'add' | 'cancel'>;
  /** Told whether every chain is followed and the store works. */
  readonly onHealth: (works: boolean) => void;
  /** Told that a chain is followed, or not any more. */
  readonly onChainHealth: (chainId: ChainId, works: boolean) => void;
  /** Told what ended the last chain that was followed. */
  readonly onFailure: (error: unknown) => void;
}

/** Before `start` it follows nothing, and back-fills nothing; whoever stops it awaits `ended`. */
export class Following {
  readonly #options: FollowingOptions;
  readonly #followed = new Map<ChainId, FollowedChain>();
  readonly #given = new Map<ChainId, AbortController>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: FollowingOptions) {
    this.#options = options;
    for (const { chainId } of options.chains) {
      const controller = new AbortController();
      // Every task of the chain listens to it; Node would call ten of them a leak.
      setMaxListeners(0, controller.signal);
      this.#given.set(chainId, controller);
    }
  }

  /** Aborts when a chain is not followed any more: nothing that is done for its tasks could be seen to work. */
  givenUp(chainId: ChainId): AbortSignal {
    return this.#given.get(chainId)?.signal ?? AbortSignal.abort();
  }

  /** Resolves when every chain is followed from its stored cursor on. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
  async start({ runner, onHealth, onChainHealth, onFailure }: Follows): Promise<void> {
    const { chains, store, served, clock, logger, stop } = this.#options;
    const alive = new Set(chains.map(({ chainId }) => chainId));
    let storeWorks = true;
    const judgeHealth = () => onHealth(storeWorks && alive.size === chains.length);
    for (const chain of chains) {
      const follower = await followChain({
        chain,
        store,
        clock,
        logger,
        isServed: (avs) => served.serves(avs, chain.chainId),
        finishes: (avs) => served.finishes(avs, chain.chainId),
        onTasks: (tasks) => runner.add(tasks.map(queued)),
        onReorged: (tasks) => {
          for (const task of tasks) runner.cancel(taskName(task), reorgedError());
        },
        onStoreHealth: (works) => {
          storeWorks = works;
          judgeHealth();
        },
      });
      this.#followed.set(chain.chainId, follower);
      onChainHealth(chain.chainId, true);
    }
    for (const { avs, chainIds } of served.all) this.backfill(avs, chainIds);
    for (const [chainId, follower] of this.#followed) {
      const run = follower.run(stop).catch((error: unknown) => {
        logger.error('a chain is not followed any more; its tasks wait in the store', { chainId, error });
        alive.delete(chainId);
        this.#given.get(chainId)?.abort(notFollowed(chainId));
        onChainHealth(chainId, false);
        judgeHealth();
        if (alive.size === 0) onFailure(error);
      });
      this.#own(run);
    }
  }

  /** Reads what was followed before the AVS was served; nothing when that has been done. */
  backfill(avs: Address, chainIds: readonly ChainId[]): void {
    const { logger, stop } = this.#options;
    for (const chainId of chainIds) {
      const ends = AbortSignal.any([stop, this.givenUp(chainId)]);
      const reading = this.#followed.get(chainId)?.backfill(avs, ends);
      if (reading === undefined) continue;
      const told = reading.catch((error: unknown) => {
        if (isPonosError(error, 'ABORTED')) return;
        logger.error('past tasks of an AVS cannot be read', { avs, chainId, error });
      });
      this.#own(told);
    }
  }

  /** Ends that where it is under way; resolves when it stores nothing more. */
  async endBackfill(avs: Address, chainIds: readonly ChainId[]): Promise<void> {
    await Promise.all(chainIds.map((chainId) => this.#followed.get(chainId)?.endBackfill(avs)));
  }

  /** Resolves when nothing is under way any more: after `stop`. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #own(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}

function notFollowed(chainId: ChainId): PonosError {
  return new PonosError('ABORTED', { message: 'the chain is not followed any more', facts: { chainId } });
}
