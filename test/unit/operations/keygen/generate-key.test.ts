import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { toHex } from '../../../../src/base/bytes.js';
import { Secret } from '../../../../src/base/secret.js';
import { type GenerateKeyRequest, generateKey } from '../../../../src/operations/keygen/generate-key.js';
import { keyInfo, needsPassword, testKey } from '../../../../src/operations/keygen/inspect-key.js';
import { KEY_CURVES } from '../../../../src/operations/keygen/key-curve.js';
import { parseSeed } from '../../../../src/operations/keygen/make-secret.js';
import { readPasswordFile } from '../../../../src/operations/keygen/read-key.js';
import { readVectorFile } from '../../../support/vector-bytes.js';

/** 00 01 … 1f, the seed of the recorded raw files. */
const SEED = new Secret(Uint8Array.from({ length: 32 }, (_, index) => index));
const withCode = (code: string) => expect.objectContaining({ code });
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ponos-keygen-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const request = (change: Partial<GenerateKeyRequest> = {}): GenerateKeyRequest => ({
  curve: 'bn254',
  outputDir: path.join(folder, 'keys'),
  filePrefix: 'key',
  overwrite: false,
  ...change,
});
const light = (password: string) => ({ lock: { password: new Secret(password) }, light: true }) as const;
const listed = async () => (await readdir(path.join(folder, 'keys'))).sort();
const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

describe('generateKey', () => {
  test.each(['bn254', 'bls381'] as const)(
    'vector: the raw %s files of a seed are those of the Go keygen',
    async (curve) => {
      const { files } = await generateKey(request({ curve, seed: SEED }));
      expect(await readFile(files.privateKey ?? '')).toEqual(readVectorFile(`keystores/raw_${curve}.pri`));
      expect(await readFile(files.publicKey ?? '')).toEqual(readVectorFile(`keystores/raw_${curve}.pub`));
      expect(await listed()).toEqual([`key_${curve}.pri`, `key_${curve}.pub`]);
      expect(await modeOf(files.privateKey ?? '')).toBe('600');
      expect(await modeOf(path.join(folder, 'keys'))).toBe('700');
    },
  );

  test('vector: a bls381 key at a path is that of the Go keygen', async () => {
    const key = await generateKey(request({ curve: 'bls381', seed: SEED, path: 'm/12381/3600/0/0' }));
    const recorded = JSON.parse(readVectorFile('keystores/envpw_bls381.json').toString());
    expect(toHex(key.publicKey)).toBe(`0x${recorded.pubkey}`);
  });

  test.each([
    [
      'a seed that is too short',
      { seed: new Secret(new Uint8Array(31)) },
      'a seed must be at least 32 bytes',
    ],
    ['a path that is none', { seed: SEED, path: 'm/x' }, 'a derivation path must look like m/12381/3600/0/0'],
    ['a path that is none', { seed: SEED, path: 'm/x', eip2333: true }, 'a derivation path must look like'],
  ])('error: %s is a fault of the command line', async (_what, origin, message) => {
    await expect(generateKey(request({ curve: 'bls381', ...origin }))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
    await expect(listed()).rejects.toThrow('ENOENT');
  });

  test.each(KEY_CURVES)('behavior: a %s keystore is written, shown and tried', async (curve) => {
    const key = await generateKey(request({ curve, keystore: light('pass') }));
    const keyFile = key.files.keystore ?? '';
    expect(await listed()).toEqual([`key_${curve}.json`]);
    expect(await modeOf(keyFile)).toBe('600');
    expect(await needsPassword({ keyFile })).toBe(true);
    expect(await keyInfo({ keyFile })).toMatchObject({ curve, checked: 'no' });
    const publicKey = toHex(key.publicKey);
    expect(await keyInfo({ keyFile, password: new Secret('pass') })).toMatchObject({
      publicKey,
      checked: 'yes',
    });
    expect(await testKey({ keyFile, password: new Secret('pass') })).toMatchObject({
      publicKey,
      signature: 'verified',
    });
    await expect(testKey({ keyFile, password: new Secret('other') })).rejects.toThrow(
      withCode('KEYSTORE_PASSWORD'),
    );
    await expect(testKey({ keyFile })).rejects.toThrow(withCode('KEYSTORE_PASSWORD'));
  });

  test.each(KEY_CURVES)(
    'behavior: raw %s files are shown and tried, without the private key',
    async (curve) => {
      const { files, publicKey } = await generateKey(request({ curve }));
      const privateKey = await readFile(files.privateKey ?? '');
      const digits = curve === 'ecdsa' ? privateKey.toString().trim().slice(2) : privateKey.toString('hex');
      for (const keyFile of [files.privateKey ?? '', files.publicKey ?? '']) {
        const found = await keyInfo({ keyFile });
        expect(found).toMatchObject({ curve, publicKey: toHex(publicKey) });
        expect(JSON.stringify(found)).not.toContain(digits);
      }
      expect(await testKey({ keyFile: files.privateKey ?? '' })).toMatchObject({ signature: 'verified' });
      await expect(testKey({ keyFile: files.publicKey ?? '' })).rejects.toThrow(withCode('KEY_INVALID'));
    },
  );

  test('behavior: a random password lies beside the keystore and opens it', async () => {
    const { files } = await generateKey(request({ keystore: { lock: 'random-password', light: true } }));
    expect(await listed()).toEqual(['key_bn254.json', 'key_bn254.password']);
    expect(await modeOf(files.password ?? '')).toBe('600');
    const password = await readPasswordFile(files.password ?? '');
    expect(password.reveal()).toHaveLength(32);
    expect(await testKey({ keyFile: files.keystore ?? '', password })).toMatchObject({
      signature: 'verified',
    });
  });

  test('error: an existing file stays as it is, and nothing is left half-done', async () => {
    await generateKey(request());
    const before = await readFile(path.join(folder, 'keys', 'key_bn254.pub'));
    await rm(path.join(folder, 'keys', 'key_bn254.pri'));
    await expect(generateKey(request())).rejects.toThrow(withCode('FILE_EXISTS'));
    expect(await listed()).toEqual(['key_bn254.pub']);
    expect(await readFile(path.join(folder, 'keys', 'key_bn254.pub'))).toEqual(before);
  });

  test('behavior: overwriting replaces the keystore, and takes away the password of the old one', async () => {
    await generateKey(request({ keystore: { lock: 'random-password', light: true } }));
    const { files } = await generateKey(request({ keystore: light('new'), overwrite: true }));
    expect(await listed()).toEqual(['key_bn254.json']);
    await expect(
      testKey({ keyFile: files.keystore ?? '', password: new Secret('new') }),
    ).resolves.toBeDefined();
  });

  test('error: a folder that is a file', async () => {
    await writeFile(path.join(folder, 'keys'), '');
    await expect(generateKey(request())).rejects.toThrow(
      expect.objectContaining({ code: 'FILE_UNWRITABLE', kind: 'user' }),
    );
  });

  test.each<Partial<GenerateKeyRequest>>([
    { filePrefix: '../key' },
    { filePrefix: '' },
    { filePrefix: '..' },
    { path: 'm/12381/3600/0/0', seed: SEED },
    { curve: 'bls381', path: 'm/12381/3600/0/0' },
    { curve: 'bls381', seed: SEED, eip2333: true },
  ])('error: %j do not go together', async (change) => {
    await expect(generateKey(request(change))).rejects.toThrow(withCode('USAGE'));
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('key files', () => {
  test.each([
    ['key.json', '{', 'KEYSTORE_INVALID'],
    ['key.json', 'text', 'KEYSTORE_INVALID'],
    ['key_bn254.pri', '', 'KEY_INVALID'],
    ['key_bn254.pri', 'x'.repeat(33), 'KEY_INVALID'],
    ['key_bn254.pri', '\xff'.repeat(16), 'KEY_INVALID'],
    ['key_ecdsa.pri', 'text', 'KEY_INVALID'],
    ['key_bn254.pub', 'text', 'KEY_INVALID'],
    ['key_ecdsa.pub', 'text', 'KEY_INVALID'],
    ['key.pri', 'x'.repeat(32), 'USAGE'],
    ['key.pri', 'x'.repeat(70_000), 'KEYSTORE_INVALID'],
  ])('error: %s holding %j', async (name, content, code) => {
    const keyFile = path.join(folder, name);
    await writeFile(keyFile, content);
    await expect(keyInfo({ keyFile })).rejects.toThrow(withCode(code));
  });

  test('error: a file that is missing', async () => {
    await expect(keyInfo({ keyFile: path.join(folder, 'none') })).rejects.toThrow(
      withCode('FILE_UNREADABLE'),
    );
  });

  test('behavior: a raw key whose name does not tell its curve is told it', async () => {
    const keyFile = path.join(folder, 'mine');
    await writeFile(keyFile, readVectorFile('keystores/raw_bn254.pri'));
    // Other commands that take a key file have no flag for it.
    await expect(keyInfo({ keyFile })).rejects.toMatchObject({
      code: 'USAGE',
      advice: expect.stringContaining('in the name of the file, as in key_ecdsa.pri'),
    });
    expect(await keyInfo({ keyFile, curve: 'bn254' })).toMatchObject({
      publicKey: toHex(readVectorFile('keystores/raw_bn254.pub')),
    });
  });

  test('error: a keystore of another curve than said', async () => {
    const { files } = await generateKey(request({ keystore: light('pass') }));
    const keyFile = files.keystore ?? '';
    for (const curve of ['bls381', 'ecdsa'] as const) {
      await expect(testKey({ keyFile, curve, password: new Secret('pass') })).rejects.toThrow(
        withCode('KEYSTORE_CURVE'),
      );
    }
  });
});

describe('parseSeed', () => {
  test.each(['', 'abc', 'zz'])('error: "%s" is no seed', (text) => {
    expect(() => parseSeed(text)).toThrow(withCode('USAGE'));
  });
});
