/** How long a node reads its store before it starts: every record, once by a scan and once by its key. */
import path from 'node:path';
import { openStore } from '../../src/store/open-store.js';
import { encodeRecord } from '../../src/store/record-codec.js';
import { storeKey } from '../../src/store/store-key.js';
import { verifyStore } from '../../src/store/verify-store.js';
import { type Interval, medianInterval } from './statistics.js';
import { storageOf } from './storage-kinds.js';

const RECORDS = 20_000;
const BATCH = 500;
/** About an answer with its signatures. */
const CONTENT_BYTES = 300;
const ROUNDS = 9;

export interface Verification {
  readonly table: readonly (readonly string[])[];
  readonly tookMs: Interval;
}

export async function benchVerification(folder: string): Promise<Verification> {
  const dir = path.join(folder, 'verification-executor');
  const store = await openStore(storageOf('unsynced', dir), 'executor');
  for (let first = 0; first < RECORDS; first += BATCH) {
    await store.batch(Array.from({ length: BATCH }, (_, index) => answerRecord(first + index)));
  }
  await store.close();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now();
    const { namespaces, problems } = await verifyStore(dir);
    rounds.push(performance.now() - startMs);
    const records = namespaces.find(({ namespace }) => namespace === 'answer')?.records;
    if (records !== RECORDS || problems.length > 0) throw new Error(`it found ${records} sound records`);
  }
  const tookMs = medianInterval(rounds);
  const rate = (ms: number) => Math.round((RECORDS * 1_000) / ms).toLocaleString('en');
  return {
    table: [
      ['check of a store at start', 'records/s', 'ms', ''],
      [
        `${RECORDS} records`,
        `${rate(tookMs.median)} (${rate(tookMs.high)} to ${rate(tookMs.low)})`,
        `${tookMs.median.toFixed(0)} (${tookMs.low.toFixed(0)} to ${tookMs.high.toFixed(0)})`,
        '',
      ],
    ],
    tookMs,
  };
}

function answerRecord(index: number) {
  // Not in the order of writing, as task ids are.
  const key = storeKey('answer', ((index * 7_919) % RECORDS).toString(16).padStart(64, '0'));
  return { type: 'put', key, value: encodeRecord(key, new Uint8Array(CONTENT_BYTES).fill(index)) } as const;
}
