import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blockNumber, chainId, parseAddress } from '../../../src/base/brands.js';
import type { OperatorSetRecord } from '../../../src/store/aggregator-avss.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const [L1, L2] = [chainId(31_337), chainId(31_338)];
const avs = parseAddress(`0x${'a5'.repeat(20)}`);
const other = parseAddress(`0x${'b6'.repeat(20)}`);
const registrar = parseAddress(`0x${'11'.repeat(20)}`);

let folder: TemporaryFolder;
let values: KeyValueStore;
let writes: number;
let store: AggregatorStore;

async function open() {
  const level = await openLevelStore({ dir: folder.path, syncWrites: true });
  writes = 0;
  values = {
    ...level,
    batch: (operations) => {
      writes += 1;
      return level.batch(operations);
    },
  };
  store = createAggregatorStore(values);
}
beforeEach(async () => {
  folder = await temporaryFolder();
  await open();
});
afterEach(async () => {
  await values.close();
  await folder.remove();
});

test('default: registrations and back-fills outlive a restart, and registering anew forgets the gaps', async () => {
  const progress = { chainId: L1, avs, next: blockNumber(7), last: blockNumber(9) };
  await store.avss.saveRegistration({ avs, chainIds: [L1], changedAtMs: 5 }, []);
  await store.saveBackfill(progress, []);
  await store.saveBackfill({ ...progress, chainId: L2 }, []);
  await values.close();
  await open();
  expect(await store.avss.registrations()).toEqual([{ avs, chainIds: [L1], changedAtMs: 5 }]);
  expect(await store.avss.backfill(L1, avs)).toEqual(progress);
  await store.avss.saveRegistration({ avs, chainIds: [], changedAtMs: 6 }, [L1]);
  expect(await store.avss.registrations()).toEqual([{ avs, chainIds: [], changedAtMs: 6 }]);
  expect(await store.avss.backfill(L1, avs)).toBeUndefined();
  expect((await store.avss.backfills()).map(({ chainId: chain }) => chain)).toEqual([L2]);
});

describe('operator sets', () => {
  const record: OperatorSetRecord = { avs, id: 1, role: 'executor', registrar, readAtMs: 10 };

  test('default: what is read later is added, and only news is written', async () => {
    await store.avss.noteOperatorSet(record);
    const table = { referenceTimestamp: 900, operators: 4, totalWeight: '123' };
    await store.avss.noteOperatorSet({ ...record, curve: 'bn254', table, readAtMs: 20 });
    expect(await store.avss.operatorSets()).toEqual([{ ...record, curve: 'bn254', table, readAtMs: 20 }]);
    expect(writes).toBe(2);
    await store.avss.noteOperatorSet({ ...record, readAtMs: 30 });
    await store.avss.noteOperatorSet({ ...record, table: { ...table }, readAtMs: 40 });
    expect(writes).toBe(2);
  });

  test('behavior: sets that an AVS does not use any more are forgotten, those of others are not', async () => {
    for (const id of [0, 1, 2]) await store.avss.noteOperatorSet({ ...record, id });
    await store.avss.noteOperatorSet({ ...record, avs: other, id: 7 });
    await store.avss.keepOperatorSets(avs, [0, 2, 3]);
    const left = await store.avss.operatorSets();
    expect(left.map(({ avs: of, id }) => [of, id])).toEqual([
      [avs, 0],
      [avs, 2],
      [other, 7],
    ]);
  });
});
