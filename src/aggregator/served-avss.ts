/**
 * Which AVSs are served, and on which chains. The configuration lists them; what was last said of an AVS at run
 * time holds over the configuration, also after a restart, until something else is said at run time.
 */
import type { Address, ChainId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { AvsRegistration } from '../store/aggregator-avss.js';
import type { AggregatorStore } from '../store/aggregator-store.js';

export interface ServedAvs {
  readonly avs: Address;
  readonly chainIds: readonly ChainId[];
}

export interface ServedAvssOptions {
  /** As configured. */
  readonly configured: readonly ServedAvs[];
  /** The chains that this node watches. */
  readonly chainIds: readonly ChainId[];
  readonly store: Pick<AggregatorStore, 'avss'>;
  /** Ends what is being read of the past of an AVS that is not served on these chains; resolves when it stores nothing more. */
  readonly endReading: (avs: Address, chainIds: readonly ChainId[]) => Promise<void>;
  readonly clock: Clock;
}

export class ServedAvss {
  readonly #options: ServedAvssOptions;
  readonly #registrations: Map<Address, AvsRegistration>;
  #served: ReadonlyMap<Address, ReadonlySet<ChainId>>;
  /** Changes come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: ServedAvssOptions, registrations: readonly AvsRegistration[]) {
    this.#options = options;
    this.#registrations = new Map(registrations.map((registration) => [registration.avs, registration]));
    this.#served = this.#merged();
  }

  /** Those that are served on at least one chain. */
  get all(): readonly ServedAvs[] {
    return [...this.#served].map(([avs, chainIds]) => ({ avs, chainIds: [...chainIds] }));
  }

  /** Whether new tasks of the AVS are taken on the chain. */
  serves(avs: Address, chainId: ChainId): boolean {
    return this.#served.get(avs)?.has(chainId) === true;
  }

  /** Whether tasks that were taken before are brought to their end: those of a deregistered AVS are. */
  finishes(avs: Address, chainId: ChainId): boolean {
    return this.serves(avs, chainId) || this.#registrations.has(avs);
  }

  /** What was said at run time and differs from the configuration. */
  get overrides(): readonly AvsRegistration[] {
    return [...this.#registrations.values()].filter(({ avs, chainIds }) => {
      const configured = this.#options.configured.find((entry) => entry.avs === avs)?.chainIds ?? [];
      return configured.length !== chainIds.length || configured.some((id) => !chainIds.includes(id));
    });
  }

  /** Whether an AVS is served because of a run-time registration, not of the configuration. */
  isRegistered(avs: Address): boolean {
    return this.#registrations.has(avs);
  }

  /**
   * Takes tasks of the AVS on these chains, and on no others, from now on and after a restart.
   * @returns the chains on which it was not served before
   * @throws PonosError STORE_UNAVAILABLE; nothing has changed then
   */
  register(avs: Address, chainIds: readonly ChainId[]): Promise<readonly ChainId[]> {
    return this.#change(
      avs,
      [...new Set(chainIds)].sort((a, b) => a - b),
    );
  }

  /**
   * Takes no further tasks of the AVS; those that were taken are finished.
   * @throws PonosError AVS_UNKNOWN when it is not served, STORE_UNAVAILABLE; nothing has changed then
   */
  async deregister(avs: Address): Promise<void> {
    if (!this.#served.has(avs)) {
      throw new PonosError('AVS_UNKNOWN', {
        message: 'the AVS is not registered with this aggregator',
        facts: { avs },
      });
    }
    await this.#change(avs, []);
  }

  #change(avs: Address, chainIds: readonly ChainId[]): Promise<readonly ChainId[]> {
    const change = this.#changing.then(async () => {
      const { store, endReading, clock, chainIds: watched } = this.#options;
      const before = this.#served.get(avs) ?? new Set();
      const registration = { avs, chainIds, changedAtMs: clock.nowMs() };
      const gaps = watched.filter((chainId) => !(before.has(chainId) && chainIds.includes(chainId)));
      const added = chainIds.filter((chainId) => !before.has(chainId));
      // From when it was served before. It would store how far it came, and not know of the blocks in between.
      await endReading(avs, added);
      await store.avss.saveRegistration(registration, gaps);
      this.#registrations.set(avs, registration);
      this.#served = this.#merged();
      return added;
    });
    this.#changing = change.catch(() => undefined);
    return change;
  }

  #merged(): ReadonlyMap<Address, ReadonlySet<ChainId>> {
    const served = new Map<Address, ReadonlySet<ChainId>>();
    const watched = new Set(this.#options.chainIds);
    for (const { avs, chainIds } of [...this.#options.configured, ...this.#registrations.values()]) {
      const present = chainIds.filter((chainId) => watched.has(chainId));
      if (present.length > 0) served.set(avs, new Set(present));
      else served.delete(avs);
    }
    return served;
  }
}

/**
 * What is served at the start. Of AVSs that are not served it is forgotten how far they were read: should they be
 * served again, the blocks in between are read then.
 * @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT
 */
export async function openServedAvss(options: ServedAvssOptions): Promise<ServedAvss> {
  const { avss } = options.store;
  const served = new ServedAvss(options, await avss.registrations());
  const known = await avss.backfills();
  await avss.removeBackfills(known.filter(({ avs, chainId }) => !served.serves(avs, chainId)));
  return served;
}
