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
  /** What was not over when it was killed, as it was then. By AVS, in the order in which it was asked for. */
  readonly unfinished: readonly DeploymentState[];
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
  /** Changes nothing. Damaged records are passed over. */
  earlierRun(): Promise<EarlierRun>;
  /**
   * Ends what an earlier run has left: its deployments become interrupted ones, and none of its performers remains,
   * nor any other record that nothing refers to.
   * @param adopted ids of the deployments that go on
   */
  endEarlierRun(run: EarlierRun, adopted: ReadonlySet<string>): Promise<void>;
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
    async earlierRun() {
      const performers = [...(await readAll<PerformerRecord>(PERFORMER)).values()];
      const deployments = (await readAll<DeploymentRecord>(DEPLOYMENT)).values();
      const unfinished: DeploymentState[] = [];
      const lastNumbers = new Map<Address, number>();
      for (const deployment of deployments) {
        if (deployment === undefined) continue;
        lastNumbers.set(deployment.avs, deployment.number);
        if (isOver(deployment)) continue;
        const performer = performers.find((each) => each?.deploymentId === deployment.id);
        unfinished.push({ deployment, performer });
      }
      return { unfinished, lastNumbers };
    },
    async endEarlierRun({ unfinished, lastNumbers }, adopted) {
      const interrupted = unfinished.filter(({ deployment }) => !adopted.has(deployment.id));
      const ended = new Set(interrupted.map(({ deployment }) => deployment.id));
      const performers = await readAll<PerformerRecord>(PERFORMER);
      const deployments = await readAll<DeploymentRecord>(DEPLOYMENT);
      const living = new Set(
        [...deployments.values()].flatMap((record) => (record && !isOver(record) ? [record.id] : [])),
      );
      const stray = [...performers].flatMap(([key, record]) =>
        record !== undefined && living.has(record.deploymentId) && !ended.has(record.deploymentId)
          ? []
          : [key],
      );
      const tooOld = [...deployments].flatMap(([key, record]) =>
        record !== undefined && record.number <= (lastNumbers.get(record.avs) ?? 0) - KEPT_DEPLOYMENTS
          ? [key]
          : [],
      );
      await store.batch([
        ...[...stray, ...tooOld].map(remove),
        ...interrupted.map((state) => {
          const end = interrupt(state);
          return putJson(deploymentKey(end.avs, end.number), end);
        }),
      ]);
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
