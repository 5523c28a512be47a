/** What an executor was told at run time to run, or to run no more. Values of variables are none of it. */
import type { Address } from '../base/brands.js';
import type { PerformerImageRecord } from './executor-performer-records.js';
import type { KeyValueStore } from './key-value-store.js';
import { listJson, putJson, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

interface ObjectKeyRecord {
  readonly name: string;
  readonly key: string;
}

interface KubernetesSourceRecord {
  readonly valueFrom: { readonly secretKeyRef?: ObjectKeyRecord; readonly configMapKeyRef?: ObjectKeyRecord };
}

/** A variable of a performer, by where its value comes from. */
export interface EnvSourceRecord {
  readonly name: string;
  /** The variable of the executor's own environment. */
  readonly valueFromEnv?: string;
  /** As it stands in a configuration. */
  readonly kubernetesEnv?: KubernetesSourceRecord;
  // Without either the value came with the call, and is not kept.
}

/** What was asked for, over what the configuration says. */
export interface WantedPerformerRecord {
  /** Absent: as configured. */
  readonly image?: PerformerImageRecord;
  readonly envs: readonly EnvSourceRecord[];
  /** Absent: as configured. */
  readonly serviceAccountName?: string;
}

/** The last word of a caller about an AVS's performer. */
export interface PerformerOrder {
  readonly avs: Address;
  readonly atMs: number;
  /** Absent: nothing; the performer was removed. */
  readonly wanted?: WantedPerformerRecord;
  /** Stands for the AVS's entry in the configuration of that time; absent: it had none. */
  readonly configured?: string;
}

/** Every method throws PonosError STORE_UNAVAILABLE. */
export interface PerformerOrderStore {
  /** By AVS. @throws PonosError STORE_CORRUPT, too */
  all(): Promise<PerformerOrder[]>;
  /** Replaces what was said before about this AVS. */
  save(order: PerformerOrder): Promise<void>;
  /** From now on the configuration alone decides. */
  remove(avs: Address): Promise<void>;
}

const ORDER = 'performer-order';

export function createPerformerOrderStore(store: KeyValueStore): PerformerOrderStore {
  return {
    all: () => listJson<PerformerOrder>(store, keysBelow(ORDER)),
    save: (order) => store.batch([putJson(storeKey(ORDER, order.avs), order)]),
    remove: (avs) => store.batch([remove(storeKey(ORDER, avs))]),
  };
}
