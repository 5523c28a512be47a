import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createWitness, readTestimony, WITNESS_FILE } from '../../../src/store/witness.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

describe('createWitness', () => {
  let folder: TemporaryFolder;
  let file: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    file = path.join(folder.path, WITNESS_FILE);
  });
  afterEach(() => folder.remove());

  test('default: the last number is read back; the file never changes its length and is closed to others', async () => {
    const witness = createWitness(folder.path);
    const lengths = new Set<number>();
    for (const sequence of [1, 2, 1_000_000_000_000]) {
      await witness.record(sequence);
      lengths.add((await readFile(file)).length);
    }
    await witness.close();
    expect(await readTestimony(folder.path)).toBe(1_000_000_000_000);
    expect(lengths.size).toBe(1);
    expect((await stat(file)).mode & 0o027).toBe(0);
  });

  test('behavior: a later opening overwrites it', async () => {
    for (const sequence of [5, 6]) {
      const witness = createWitness(folder.path);
      await witness.record(sequence);
      await witness.close();
    }
    expect(await readTestimony(folder.path)).toBe(6);
  });

  test('error: a missing file and each flipped byte are told apart', async () => {
    expect(await readTestimony(folder.path)).toBe('missing');
    const witness = createWitness(folder.path);
    await witness.record(77);
    await witness.close();
    const good = await readFile(file);
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad.writeUInt8(bad.readUInt8(at) ^ 0x01, at);
      await writeFile(file, bad);
      expect(await readTestimony(folder.path)).toBe('damaged');
    }
    await writeFile(file, '');
    expect(await readTestimony(folder.path)).toBe('damaged');
  });
});
