/** What an aggregator keeps of AVSs: run-time registrations, back-fills, and their set-up as last read. */
import type { Address, BlockNumber, ChainId } from '../base/brands.js';
import { backfillKeyOf, operatorSetKeyOf, registrationKeyOf } from './aggregator-keys.js';
import type { KeyValueStore } from './key-value-store.js';
import { listJson, putJson, readJson, remove } from './records.js';
import { keysBelow } from './store-key.js';

/** What was last said of an AVS at run time. It holds over the configuration until something else is said. */
export interface AvsRegistration {
  readonly avs: Address;
  /** The chains on which its tasks are taken; none when it was deregistered. */
  readonly chainIds: readonly ChainId[];
  readonly changedAtMs: number;
}

/** How far the blocks before an AVS was served have been read for its tasks; done when `next` is above `last`. */
export interface Backfill {
  readonly chainId: ChainId;
  readonly avs: Address;
  readonly next: BlockNumber;
  readonly last: BlockNumber;
}

/** An operator set as it was last read. For people to look at: decisions read the chain. */
export interface OperatorSetRecord {
  readonly avs: Address;
  readonly id: number;
  readonly role: 'aggregator' | 'executor';
  readonly registrar: Address;
  /** `none` when the set has no curve; absent while no task of it was taken. */
  readonly curve?: 'bn254' | 'ecdsa' | 'none';
  /** Aggregator sets: whether this operator is a member. */
  readonly isMember?: boolean;
  /** Executor sets: of the last table that was used. The weight in decimal digits. */
  readonly table?: {
    readonly referenceTimestamp: number;
    readonly operators: number;
    readonly totalWeight: string;
  };
  readonly readAtMs: number;
}

/** Every method throws PonosError STORE_UNAVAILABLE, the reading ones STORE_CORRUPT too. */
export interface AvsRecords {
  /** By address. */
  registrations(): Promise<AvsRegistration[]>;
  /** In one write: the registration, and that nothing is known of blocks of the AVS on `gaps`. */
  saveRegistration(registration: AvsRegistration, gaps: readonly ChainId[]): Promise<void>;
  backfill(chainId: ChainId, avs: Address): Promise<Backfill | undefined>;
  backfills(): Promise<Backfill[]>;
  removeBackfills(backfills: readonly Pick<Backfill, 'chainId' | 'avs'>[]): Promise<void>;
  /** By AVS and id. */
  operatorSets(): Promise<OperatorSetRecord[]>;
  /** Adds to what is known of the set; writes only what is news. */
  noteOperatorSet(record: OperatorSetRecord): Promise<void>;
  /** Forgets the sets of an AVS that are none of these ids any more. */
  keepOperatorSets(avs: Address, ids: readonly number[]): Promise<void>;
}

export function createAvsRecords(store: KeyValueStore): AvsRecords {
  return {
    registrations: () => listJson<AvsRegistration>(store, keysBelow('registration')),
    saveRegistration: (registration, gaps) =>
      store.batch([
        putJson(registrationKeyOf(registration.avs), registration),
        ...gaps.map((chainId) => remove(backfillKeyOf(chainId, registration.avs))),
      ]),
    backfill: (chainId, avs) => readJson<Backfill>(store, backfillKeyOf(chainId, avs)),
    backfills: () => listJson<Backfill>(store, keysBelow('backfill')),
    async removeBackfills(backfills) {
      if (backfills.length === 0) return;
      await store.batch(backfills.map(({ chainId, avs }) => remove(backfillKeyOf(chainId, avs))));
    },
    operatorSets: () => listJson<OperatorSetRecord>(store, keysBelow('operator-set')),
    async noteOperatorSet(record) {
      const key = operatorSetKeyOf(record);
      const before = await readJson<OperatorSetRecord>(store, key);
      const after = { ...before, ...record };
      if (before !== undefined && isSame(before, after)) return;
      await store.batch([putJson(key, after)]);
    },
    async keepOperatorSets(avs, ids) {
      const known = await listJson<OperatorSetRecord>(store, keysBelow('operator-set', avs));
      const gone = known.filter(({ id }) => !ids.includes(id));
      if (gone.length > 0) await store.batch(gone.map((record) => remove(operatorSetKeyOf(record))));
    },
  };
}

function isSame(before: OperatorSetRecord, after: OperatorSetRecord): boolean {
  return JSON.stringify({ ...before, readAtMs: 0 }) === JSON.stringify({ ...after, readAtMs: 0 });
}
