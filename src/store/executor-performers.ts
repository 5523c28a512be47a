/** Which performers an executor has, and the history of their deployments. */
import type { Address } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import {
  type DeploymentRecord,
  type DeploymentState,
  interrupt,
  isOver,
  type PerformerRecord,
} from './executor-performer-records.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import { decodeJsonRecord } from './record-codec.js';
import { listJson, putJson, readable, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** Deployments of an AVS that are kept; the oldest ones leave. */
export const KEPT_DEPLOYMENTS = 100;

/** What an earlier run of the node has left. */
export interface EarlierRun {
  /** What was not over when it was killed, as it was then. */
  readonly interrupted: readonly DeploymentState[];
  /** The number of the last deployment of each AVS. */
  readonly lastNumbers: ReadonlyMap<Address, number>;
}

/** Every method throws PonosError STORE_UNAVAILABLE. */
export interface PerformerStore {
  /** By AVS and id. @throws PonosError STORE_CORRUPT, too */
  performers(): Promise<PerformerRecord[]>;
  /** By AVS, each one's in the order in which they were asked for. @throws PonosError STORE_CORRUPT, too */
  deployments(): Promise<DeploymentRecord[]>;
  /** Stores how deployments stand now, in one write; those of their AVSs that are too old leave with it. */
  save(states: readonly DeploymentState[]): Promise<void>;
  /**
   * Ends what an earlier run has left: its deployments become interrupted ones, and none of its performers remains.
   * Damaged records are passed over.
   */
  endEarlierRun(): Promise<EarlierRun>;
}

const PERFORMER = 'performer';
const DEPLOYMENT = 'deployment';

export function createPerformerStore(store: KeyValueStore): PerformerStore {
  /** The records that can be read, by their keys. */
  async function readAll<T>(namespace: string): Promise<Map<string, T | undefined>> {
    const found = new Map<string, T | undefined>();
    for await (const { key, value } of store.scan(keysBelow(namespace))) {
      const record = readable(() => decodeJsonRecord<T>(key, value));
      found.set(key, isPonosError(record) ? undefined : record);
    }
    return found;
  }

  return {
    performers: () => listJson<PerformerRecord>(store, keysBelow(PERFORMER)),
    deployments: () => listJson<DeploymentRecord>(store, keysBelow(DEPLOYMENT)),
    save: (states) => store.batch(states.flatMap(operationsOf)),
    async endEarlierRun() {
      const performers = await readAll<PerformerRecord>(PERFORMER);
      const deployments = [...(await readAll<DeploymentRecord>(DEPLOYMENT)).values()].filter(
        (record) => record !== undefined,
      );
      const interrupted = deployments
        .filter((deployment) => !isOver(deployment))
        .map((deployment) => ({
          deployment,
          performer: [...performers.values()].find((performer) => performer?.deploymentId === deployment.id),
        }));
      const lastNumbers = new Map(deployments.map(({ avs, number }) => [avs, number]));
      const tooOld = deployments.filter(
        ({ avs, number }) => number <= (lastNumbers.get(avs) ?? 0) - KEPT_DEPLOYMENTS,
      );
      await store.batch([
        ...[...performers.keys()].map(remove),
        ...interrupted.map((state) => {
          const ended = interrupt(state);
          return putJson(deploymentKey(ended.avs, ended.number), ended);
        }),
        ...tooOld.map(({ avs, number }) => remove(deploymentKey(avs, number))),
      ]);
      return { interrupted, lastNumbers };
    },
  };
}

function operationsOf({ deployment, performer }: DeploymentState): WriteOperation[] {
  const { avs, number, performerId } = deployment;
  const operations = [putJson(deploymentKey(avs, number), deployment)];
  if (performer !== undefined) operations.push(putJson(performerKey(performer), performer));
  else if (performerId !== undefined) operations.push(remove(performerKey({ avs, id: performerId })));
  const oldest = number - KEPT_DEPLOYMENTS;
  if (oldest > 0) operations.push(remove(deploymentKey(avs, oldest)));
  return operations;
}

function performerKey({ avs, id }: Pick<PerformerRecord, 'avs' | 'id'>): string {
  return storeKey(PERFORMER, avs, id);
}

function deploymentKey(avs: Address, number: number): string {
  return storeKey(DEPLOYMENT, avs, number);
}
