import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { openLevelStore } from '../../src/store/level-store.js';
import { decodeJsonRecord } from '../../src/store/record-codec.js';
import { storeKey } from '../../src/store/store-key.js';
import { verifyStore } from '../../src/store/verify-store.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';

const ROOT = path.join(import.meta.dirname, '..', '..');
/** Within the project, where its packages are found. */
const PROGRAM = path.join(ROOT, 'dist', `store-writer-${process.pid}.mjs`);
const ROUNDS = 12;

/** Kills the writer when it has printed so many numbers; resolves with all that it printed. */
async function writeUntilKilled(dir: string, first: number, acknowledgements: number): Promise<number[]> {
  const writer = spawn(process.execPath, [PROGRAM, dir, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(writer, 'exit');
  const numbers: number[] = [];
  for await (const line of readline.createInterface({ input: writer.stdout })) {
    numbers.push(Number(line));
    if (numbers.length === acknowledgements) writer.kill('SIGKILL');
  }
  expect((await ended)[1]).toBe('SIGKILL');
  return numbers;
}

describe('a store whose process is killed', () => {
  beforeAll(async () => {
    await build({
      absWorkingDir: ROOT,
      entryPoints: ['test/support/store-writer.ts'],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      outfile: PROGRAM,
      logLevel: 'warning',
    });
  });
  afterAll(() => rm(PROGRAM, { force: true }));

  test(
    'behavior: has all that was acknowledged, and its ledger and witness agree with it',
    () =>
      withTemporaryFolder(async (dir) => {
        const acknowledged: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          // Numbers are skipped between the rounds: those of batches that were not acknowledged may be there.
          acknowledged.push(...(await writeUntilKilled(dir, round * 1_000_000, 1 + ((round * 61) % 300))));
          expect([round, (await verifyStore(dir)).problems]).toEqual([round, []]);
        }
        const store = await openLevelStore({ dir, syncWrites: false });
        for (const number of acknowledged) {
          const key = storeKey('note', number);
          const record = await store.get(key);
          expect([number, record && decodeJsonRecord(key, record)]).toEqual([number, number]);
        }
        await store.close();
      }),
    120_000,
  );
});
