/** From the `storage` section of the configuration to an open store. */
import path from 'node:path';
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { type Logger, silentLogger } from '../base/logger.js';
import type { StorageConfig } from '../config/types.js';
import { checkBadgerState } from './badger-state.js';
import { namespaceOf } from './ledger.js';
import type { LedgerStore } from './ledger-store.js';
import { openLevelStore } from './level-store.js';
import { createMemoryStore } from './memory-store.js';
import { containLosses } from './mend-store.js';
import { describeProblem, judgeProblem, type StoreProblem } from './store-problem.js';
import { checkSchema, claimStore, SCHEMA_KEY, type StoreRole } from './store-schema.js';
import { verifyStore } from './verify-store.js';

/** Where a node keeps its state: nowhere (a restart forgets), or in a directory. */
export type StorePlace = { readonly kind: 'memory' } | { readonly kind: 'level'; readonly dir: string };

/** What of the `storage` section matters here; a part that is not there has its defaults. */
export interface StorageChoice extends Pick<StorageConfig, 'type'> {
  readonly level?: Partial<StorageConfig['level']>;
  readonly badger?: Partial<StorageConfig['badger']>;
}

export interface OpenStoreOptions {
  /** Start although the directory holds the state of a Go node, which is not read: anew, or with the store that is there. */
  readonly acceptFreshState?: boolean;
  /** The operator of an executor. Another one's store is refused: with it, what was signed could be signed again. */
  readonly operator?: Address;
  /** Told what was lost and what that means, when the node can do without it. */
  readonly logger?: Logger;
}

/**
 * What the configuration means; `badger` is LevelDB in `<badger.dir>/level`.
 * @throws PonosError CONFIG_INVALID when a directory is missing
 */
export function storePlace(config: StorageChoice): StorePlace {
  if (config.type === 'memory') return { kind: 'memory' };
  if (config.type === 'level')
    return { kind: 'level', dir: required(config.level?.dir, 'storage.level.dir') };
  if (config.badger?.inMemory) return { kind: 'memory' };
  return { kind: 'level', dir: path.join(required(config.badger?.dir, 'storage.badger.dir'), 'level') };
}

/** The directory that the configuration means; undefined for memory. @throws PonosError CONFIG_INVALID when it is missing */
export function storeFolder(config: StorageConfig): string | undefined {
  const place = storePlace(config);
  return place.kind === 'level' ? place.dir : undefined;
}

/**
 * Opens the store of a node, once every record is checked and the store is known to be this role's.
 * @throws PonosError CONFIG_INVALID, STORE_MISMATCH, STORE_LOCKED, STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function openStore(
  config: StorageChoice,
  role: StoreRole,
  options: OpenStoreOptions = {},
): Promise<LedgerStore> {
  const place = storePlace(config);
  const { operator } = options;
  if (place.kind === 'memory') {
    const store = createMemoryStore();
    // Whoever asks the running node for a backup wants to know whose it is.
    await claimStore(store, role, { operator });
    return store;
  }
  const logger = options.logger ?? silentLogger;
  const badger =
    config.type === 'badger'
      ? await checkBadgerState(place.dir, options.acceptFreshState === true)
      : undefined;
  const isEmpty = await checkStore(place.dir, role, operator, logger);
  const store = await openLevelStore({
    dir: place.dir,
    syncWrites: config.level?.syncWrites ?? true,
    writeBufferSizeBytes: config.level?.writeBufferSize,
    cacheSizeBytes: config.level?.cacheSize,
  });
  try {
    await claimStore(store, role, { operator });
    await badger?.remember();
    if (badger?.isNewer) logger.warn(GO_NODE_BETWEEN, { dir: place.dir });
    // Also what a volume that was not mounted looks like: nobody else would notice that the node has forgotten everything.
    if (isEmpty) logger.warn(NEW_STORE[role], { dir: place.dir });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

const NEW_STORE: Readonly<Record<StoreRole, string>> = {
  aggregator:
    'the store is new: chains are read from where living tasks can be, and nothing is known of earlier results',
  executor: 'the store is new: nothing is known of what was signed before, if anything was',
};

const GO_NODE_BETWEEN =
  'a Go node has run in the storage directory meanwhile, as was accepted; nothing is known of what it did';

/** @returns whether there is nothing in it, but whose it is */
async function checkStore(
  dir: string,
  role: StoreRole,
  operator: Address | undefined,
  logger: Logger,
): Promise<boolean> {
  const { schema, namespaces, problems } = await verifyStore(dir);
  if (schema !== undefined) checkSchema(schema, role, { operator, dir });
  const fatal = problems.find((problem) => judgeProblem(role, problem).effect === 'stop');
  if (fatal !== undefined) throw cannotStart(dir, role, fatal, problems.length);
  for (const problem of problems) {
    logger.warn('the store has lost something; what is bad was set aside', {
      problem: describeProblem(problem),
      consequence: judgeProblem(role, problem).consequence,
      dir,
    });
  }
  if (problems.length > 0) await containLosses(dir, role);
  return namespaces.every(({ namespace }) => namespace === namespaceOf(SCHEMA_KEY));
}

function cannotStart(dir: string, role: StoreRole, problem: StoreProblem, problems: number): PonosError {
  const { consequence } = judgeProblem(role, problem);
  return new PonosError('STORE_CORRUPT', {
    message: `the store has lost what the ${role} does not go on without: ${describeProblem(problem)}; ${consequence}`,
    facts: { dir, problems },
    advice:
      'List all with `ponos storage verify`, then restore a backup, or go on without what is lost after `ponos storage repair`. Nothing was changed.',
  });
}

function required(dir: string | undefined, key: string): string {
  if (dir === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `${key} is missing`,
      advice: 'Set it to the directory that holds the state, or use storage type memory.',
    });
  }
  return dir;
}
