import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import type { DeploymentState, PerformerRecord } from '../../../src/store/executor-performer-records.js';
import {
  createPerformerStore,
  KEPT_DEPLOYMENTS,
  type PerformerStore,
} from '../../../src/store/executor-performers.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OTHER = parseAddress(`0x${'0b'.repeat(20)}`);

const performer = (number: number, avs = AVS): PerformerRecord => ({
  id: `process-${number}`,
  avs,
  deploymentId: `${avs}-${number}`,
  status: 'InService',
  endpoint: '127.0.0.1:9',
  isHealthy: true,
  startedAtMs: 1_500,
  checkedAtMs: 2_500,
});

const serving = (number: number, avs = AVS): DeploymentState => ({
  deployment: {
    id: `${avs}-${number}`,
    avs,
    number,
    command: ['run'],
    askedAtMs: 1_000,
    outcome: 'in-service',
    servingFromMs: 2_000,
    performerId: `process-${number}`,
  },
  performer: performer(number, avs),
});

const failed = (number: number, avs = AVS): DeploymentState => ({
  deployment: {
    ...serving(number, avs).deployment,
    outcome: 'failed',
    reason: 'exited with code 1',
    lastLines: ['oh'],
    endedAtMs: 3_000,
  },
  performer: undefined,
});

/** The same on both kinds of store. */
function describePerformerStore(
  name: string,
  open: (dir: string) => Promise<KeyValueStore> | KeyValueStore,
): void {
  describe(`performers in ${name}`, () => {
    let folder: TemporaryFolder;
    let values: KeyValueStore;
    let store: PerformerStore;

    beforeEach(async () => {
      folder = await temporaryFolder();
      values = await open(folder.path);
      store = createPerformerStore(values);
    });
    afterEach(async () => {
      await values.close();
      await folder.remove();
    });

    /** As a node does at its start; nothing is adopted unless it is named. */
    async function restart(of = store, adopted: readonly string[] = []) {
      const run = await of.earlierRun();
      await of.endEarlierRun(run, new Set(adopted));
      return run;
    }

    const numbers = async (avs = AVS) =>
      (await store.deployments()).filter((each) => each.avs === avs).map(({ number }) => number);

    test('default: nothing', async () => {
      expect(await store.performers()).toEqual([]);
      expect(await store.deployments()).toEqual([]);
      expect(await restart()).toEqual({ unfinished: [], lastNumbers: new Map() });
    });

    test('behavior: a performer is there while it runs, its deployment remains', async () => {
      await store.save([serving(1)]);
      expect(await store.performers()).toEqual([performer(1)]);
      expect(await store.deployments()).toEqual([serving(1).deployment]);
      await store.save([failed(1), serving(2)]);
      expect(await store.performers()).toEqual([performer(2)]);
      expect(await store.deployments()).toEqual([failed(1).deployment, serving(2).deployment]);
    });

    test('behavior: a staged performer stands beside the one in service', async () => {
      const staged: PerformerRecord = { ...performer(2), status: 'Staged', isHealthy: false };
      await store.save([serving(1)]);
      await store.save([
        { deployment: { ...serving(2).deployment, outcome: 'deploying' }, performer: staged },
      ]);
      expect(await store.performers()).toEqual([performer(1), staged]);
      await store.save([serving(2), failed(1)]);
      expect(await store.performers()).toEqual([performer(2)]);
    });

    test('behavior: of each AVS the newest hundred deployments are kept', async () => {
      await store.save([failed(1, OTHER)]);
      for (let number = 1; number <= KEPT_DEPLOYMENTS + 3; number += 1) await store.save([failed(number)]);
      expect(await numbers()).toEqual(Array.from({ length: KEPT_DEPLOYMENTS }, (_, index) => index + 4));
      expect(await numbers(OTHER)).toEqual([1]);
    });

    test('behavior: what writes had to leave behind leaves at the next start', async () => {
      await store.save([1, 2, 50].map((number) => failed(number)));
      await store.save([failed(KEPT_DEPLOYMENTS + 20)]);
      expect(await numbers()).toEqual([1, 2, 50, KEPT_DEPLOYMENTS + 20]);
      await restart();
      expect(await numbers()).toEqual([50, KEPT_DEPLOYMENTS + 20]);
    });

    test('behavior: what was not over when the node was killed was interrupted, told once', async () => {
      const deploying: DeploymentState = {
        deployment: { ...serving(3, OTHER).deployment, outcome: 'deploying', servingFromMs: undefined },
        performer: undefined,
      };
      await store.save([failed(1), serving(2), deploying]);
      const next = createPerformerStore(values);
      expect(await restart(next)).toEqual({
        unfinished: [serving(2), deploying],
        lastNumbers: new Map([
          [AVS, 2],
          [OTHER, 3],
        ]),
      });
      expect(await next.performers()).toEqual([]);
      const interrupted = { outcome: 'interrupted', reason: 'the node was interrupted' };
      expect(await next.deployments()).toEqual([
        failed(1).deployment,
        // Nobody saw when it ended.
        { ...serving(2).deployment, ...interrupted, lastHealthyMs: 2_500 },
        { ...deploying.deployment, ...interrupted },
      ]);
      expect((await restart(next)).unfinished).toEqual([]);
    });

    test('behavior: what was adopted goes on, and what has begun meanwhile stays', async () => {
      await store.save([serving(1), serving(1, OTHER)]);
      const next = createPerformerStore(values);
      const run = await next.earlierRun();
      await next.save([serving(2, OTHER)]);
      await next.endEarlierRun(run, new Set([serving(1).deployment.id]));
      expect(await next.performers()).toEqual([performer(1), performer(2, OTHER)]);
      expect(await next.deployments()).toMatchObject([
        serving(1).deployment,
        { number: 1, outcome: 'interrupted' },
        serving(2, OTHER).deployment,
      ]);
    });

    test('behavior: as long as nothing was ended, a node that is killed once more finds it again', async () => {
      await store.save([serving(1)]);
      await store.earlierRun();
      expect((await createPerformerStore(values).earlierRun()).unfinished).toEqual([serving(1)]);
    });

    test('behavior: a performer whose deployment is lost does not remain either', async () => {
      await store.save([serving(1)]);
      await values.batch([{ type: 'delete', key: `deployment/${AVS}/${'1'.padStart(16, '0')}/` }]);
      await restart();
      expect(await store.performers()).toEqual([]);
    });

    test('error: a damaged record is named when it is asked for, and keeps no node from starting', async () => {
      await store.save([failed(1), serving(2)]);
      const key = `deployment/${AVS}/${'1'.padStart(16, '0')}/`;
      await values.batch([{ type: 'put', key, value: new Uint8Array(30) }]);
      await expect(store.deployments()).rejects.toMatchObject({ code: 'STORE_CORRUPT', facts: { key } });
      expect((await restart()).unfinished).toEqual([serving(2)]);
    });
  });
}

describePerformerStore('memory', () => createMemoryStore());
describePerformerStore('LevelDB', (dir) => openLevelStore({ dir, syncWrites: false }));
