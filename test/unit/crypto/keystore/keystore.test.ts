import { describe, expect, test } from '@jest/globals';
import { toHex, word } from '../../../../src/base/bytes.js';
import { Secret } from '../../../../src/base/secret.js';
import { inspectKeystore, openKeystore, sealKeystore } from '../../../../src/crypto/keystore/keystore.js';
import { type BlsCurve, derivePublicKey } from '../../../../src/crypto/keystore/public-key.js';
import { bls381SecretAtPath, secretFromSeed } from '../../../../src/crypto/seed.js';
import { hexBytes, readVectorFile } from '../../../support/vector-bytes.js';
import { readVectors } from '../../../support/vectors.js';

interface Entry {
  file: string;
  format: string;
  note: string;
  password: string;
  privateKeyHex?: string;
  curveType?: string;
}
const { entries } = readVectors<{ entries: Entry[] }>('keystores/index');
const keystores = entries.filter(({ format }) => format === 'eip2335');
const text = (file: string) => readVectorFile(file).toString('utf8');
const withCode = (code: string) => expect.objectContaining({ code });
const LIGHT = 'keystores/bn254-light.json';
const password = new Secret('testpass');
/** 00 01 … 1f */
const SEED = Uint8Array.from({ length: 32 }, (_, index) => index);

/** The light vector with one field changed, by its path. */
function altered(path: string, value: unknown): string {
  const keystore = JSON.parse(text(LIGHT));
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((object, name) => object[name], keystore);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return JSON.stringify(keystore);
}

describe('openKeystore', () => {
  const good = keystores.filter(({ file }) => !file.includes('/bad-'));

  test.each(good)('vector: $file ($note)', async (entry) => {
    const opened = await openKeystore(text(entry.file), new Secret(entry.password));
    expect(opened.curve).toBe(entry.curveType);
    expect(opened.secret.reveal()).toEqual(hexBytes(entry.privateKeyHex ?? ''));
    expect(toHex(opened.publicKey)).toBe(`0x${JSON.parse(text(entry.file)).pubkey}`);
  });

  test('vector: the keystore and the raw files that the Go keygen made of one seed', async () => {
    const opened = await openKeystore(text('keystores/envpw_bn254.json'), password, { curve: 'bn254' });
    expect(opened.secret.reveal()).toEqual(new Uint8Array(readVectorFile('keystores/raw_bn254.pri')));
    expect(opened.publicKey).toEqual(new Uint8Array(readVectorFile('keystores/raw_bn254.pub')));
    expect(opened.secret.reveal()).toEqual(secretFromSeed('bn254', SEED));
  });

  test('vector: the bls381 keystore that the Go keygen made with a path, the raw files without one', async () => {
    const opened = await openKeystore(text('keystores/envpw_bls381.json'), password, { curve: 'bls381' });
    expect(opened.secret.reveal()).toEqual(bls381SecretAtPath(SEED, 'm/12381/3600/0/0'));
    const raw = secretFromSeed('bls381', SEED);
    expect(raw).toEqual(new Uint8Array(readVectorFile('keystores/raw_bls381.pri')));
    expect(await derivePublicKey('bls381', raw)).toEqual(
      new Uint8Array(readVectorFile('keystores/raw_bls381.pub')),
    );
  });

  const undecryptable = ['keystores/bad-checksum.json', 'keystores/bad-ciphertext.json'];
  const curveless = 'keystores/bad-curvetype-missing.json';
  const bad = keystores.filter(({ file }) => file.includes('/bad-') && file !== curveless);

  test.each(bad)('error: $file ($note)', async ({ file }) => {
    const code = undecryptable.includes(file) ? 'KEYSTORE_PASSWORD' : 'KEYSTORE_INVALID';
    await expect(openKeystore(text(file), password)).rejects.toThrow(withCode(code));
  });

  test('error: the old format of Layr-Labs is malformed', async () => {
    await expect(openKeystore(text('keystores/bn254-legacy-light.json'), password)).rejects.toThrow(
      withCode('KEYSTORE_INVALID'),
    );
  });

  test('behavior: without a curveType, the curve that is needed decides, and the public key must fit', async () => {
    await expect(openKeystore(text(curveless), password)).rejects.toThrow(withCode('KEYSTORE_CURVE'));
    expect((await openKeystore(text(curveless), password, { curve: 'bn254' })).curve).toBe('bn254');
    await expect(openKeystore(text(curveless), password, { curve: 'bls381' })).rejects.toThrow(
      withCode('KEYSTORE_INVALID'),
    );
  });

  test('error: another curve than needed, before the password is tried', async () => {
    await expect(
      openKeystore(text('keystores/bls381-default.json'), new Secret('wrong'), {
        curve: 'bn254',
        source: 'a.json',
      }),
    ).rejects.toThrow(expect.objectContaining({ code: 'KEYSTORE_CURVE', facts: { keystore: 'a.json' } }));
  });

  test.each(['wrong', '', 'Testpass'])('error: the password "%s" is wrong', async (wrong) => {
    await expect(openKeystore(text(LIGHT), new Secret(wrong))).rejects.toThrow(withCode('KEYSTORE_PASSWORD'));
  });

  test('behavior: control codes in a password count for nothing', async () => {
    const opened = await openKeystore(text(LIGHT), new Secret('\u0000test\u007fpa\u0085ss\n'));
    expect(opened.curve).toBe('bn254');
  });

  test.each<[string, unknown]>([
    ['version', '4'],
    ['version', undefined],
    ['curveType', 'secp256k1'],
    ['curveType', 7],
    ['pubkey', 'zz'.repeat(128)],
    ['pubkey', '00'.repeat(192)],
    ['pubkey', '11'.repeat(128)],
    ['crypto', []],
    ['crypto.checksum.function', 'sha512'],
    ['crypto.checksum.message', 'ab'],
    ['crypto.cipher.params.iv', '00'.repeat(15)],
    ['crypto.cipher.message', ''],
    ['crypto.cipher.message', '00'.repeat(33)],
    ['crypto.kdf.params', null],
    ['crypto.kdf.params.dklen', 31],
    ['crypto.kdf.params.n', 2 ** 21],
    ['crypto.kdf.params.n', 4096.5],
    ['crypto.kdf.params.r', 33],
    ['crypto.kdf.params.p', 17],
    ['crypto.kdf.params.salt', '00'.repeat(65)],
  ])('error: %s = %j', async (path, value) => {
    await expect(openKeystore(altered(path, value), password)).rejects.toThrow(withCode('KEYSTORE_INVALID'));
  });

  test('error: more than 1 GiB is refused before it is allocated', async () => {
    const greedy = JSON.parse(altered('crypto.kdf.params.n', 2 ** 20));
    greedy.crypto.kdf.params.r = 16;
    await expect(openKeystore(JSON.stringify(greedy), password)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringContaining('1 GiB') }),
    );
  });

  test.each([
    ['c', 999],
    ['c', 10_000_001],
    ['prf', 'hmac-sha512'],
  ])('error: pbkdf2 with %s = %s', async (name, value) => {
    const keystore = JSON.parse(text('keystores/bn254-pbkdf2.json'));
    keystore.crypto.kdf.params[name] = value;
    await expect(openKeystore(JSON.stringify(keystore), password)).rejects.toThrow(
      withCode('KEYSTORE_INVALID'),
    );
  });

  test.each(['', '[]', 'null', '"text"', '{'])('error: %j is no keystore', async (broken) => {
    await expect(openKeystore(broken, password)).rejects.toThrow(withCode('KEYSTORE_INVALID'));
  });
});

describe('sealKeystore', () => {
  test.each<BlsCurve>(['bn254', 'bls381'])(
    'behavior: what it writes for %s opens again, in the shape of the Go keygen',
    async (curve) => {
      const secret = new Secret(word(0xbeefn));
      const publicKey = await derivePublicKey(curve, secret.reveal());
      const unicode = new Secret('pässwörd 🔑');
      const sealed = await sealKeystore({ curve, secret, publicKey, password: unicode, light: true });
      const opened = await openKeystore(sealed, new Secret('pa\u0308sswo\u0308rd 🔑'));
      expect(opened.curve).toBe(curve);
      expect(opened.secret.reveal()).toEqual(word(0xbeefn));
      expect(opened.publicKey).toEqual(publicKey);
      const shape = (value: unknown): unknown =>
        typeof value === 'object' && value !== null
          ? Object.entries(value).map(([name, inner]) => [name, shape(inner)])
          : typeof value;
      expect(shape(JSON.parse(sealed))).toEqual(shape(JSON.parse(text(LIGHT))));
      expect(JSON.parse(sealed).path).toBe(curve === 'bn254' ? 'm/1/0/0' : 'm/12381/60/0/0');
      expect(sealed).not.toContain('beef');
    },
  );

  test('behavior: a keystore whose secret lacks its leading zeros opens padded', async () => {
    const { createCipheriv, createHash, scryptSync } = await import('node:crypto');
    const keystore = JSON.parse(text(LIGHT));
    const { salt, n: N, r, p } = keystore.crypto.kdf.params;
    const key = scryptSync('testpass', Buffer.from(salt, 'hex'), 32, { N, r, p });
    const iv = Buffer.from(keystore.crypto.cipher.params.iv, 'hex');
    const cipherText = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv).update(Buffer.of(0xbe, 0xef));
    keystore.crypto.cipher.message = cipherText.toString('hex');
    keystore.crypto.checksum.message = createHash('sha256')
      .update(key.subarray(16))
      .update(cipherText)
      .digest('hex');
    keystore.pubkey = toHex(await derivePublicKey('bn254', word(0xbeefn))).slice(2);
    const opened = await openKeystore(JSON.stringify(keystore), password);
    expect(opened.secret.reveal()).toEqual(word(0xbeefn));
  });
});

describe('inspectKeystore', () => {
  test('default: tells the claims without a password', () => {
    const claims = inspectKeystore(text('keystores/bn254-pbkdf2.json'));
    expect(claims).toMatchObject({ curve: 'bn254', kdf: 'pbkdf2' });
    expect(claims.publicKey).toHaveLength(128);
  });
});
