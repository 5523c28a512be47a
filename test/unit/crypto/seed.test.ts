import { describe, expect, test } from '@jest/globals';
import { toBigInt, toHex } from '../../../src/base/bytes.js';
import { bls381SecretAtPath, eip2333SecretAtPath, secretFromSeed } from '../../../src/crypto/seed.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

interface Seeded {
  seed: string;
  privateKeyHex: string;
}
const vectors = readVectors<{
  fromSeed: Seeded[];
  fromSeedLeadingZeroStripped: Seeded[];
  bls381: (Seeded & { eip2333_m_12381_3600_0_0: { privateKeyHex: string } })[];
}>('bn254-keys');
const valueInvalid = expect.objectContaining({ code: 'VALUE_INVALID' });
const PATH = 'm/12381/3600/0/0';

describe('secretFromSeed', () => {
  test.each([...vectors.fromSeed, ...vectors.fromSeedLeadingZeroStripped])(
    'vector: bn254 from $seed',
    ({ seed, privateKeyHex }) => {
      const secret = secretFromSeed('bn254', hexBytes(seed));
      expect(secret).toHaveLength(32);
      expect(toBigInt(secret)).toBe(BigInt(privateKeyHex));
    },
  );

  test.each(vectors.bls381)('vector: bls381 from $seed', ({ seed, privateKeyHex }) => {
    expect(toHex(secretFromSeed('bls381', hexBytes(seed)))).toBe(privateKeyHex);
  });

  test('behavior: one seed gives another key on each curve', () => {
    const seed = new Uint8Array(32).fill(7);
    const secrets = (['bn254', 'bls381', 'ecdsa'] as const).map((curve) =>
      toHex(secretFromSeed(curve, seed)),
    );
    expect(new Set(secrets).size).toBe(3);
  });

  test('error: a seed of fewer than 32 bytes', async () => {
    const short = new Uint8Array(31);
    expect(() => secretFromSeed('bn254', short)).toThrow(valueInvalid);
    expect(() => bls381SecretAtPath(short, PATH)).toThrow(valueInvalid);
    await expect(eip2333SecretAtPath(short, PATH)).rejects.toThrow(valueInvalid);
  });
});

describe('paths', () => {
  test.each(vectors.bls381)('vector: the Go key of $seed at a path', (expected) => {
    const secret = bls381SecretAtPath(hexBytes(expected.seed), PATH);
    expect(toHex(secret)).toBe(expected.eip2333_m_12381_3600_0_0.privateKeyHex);
  });

  test('behavior: the key as the EIP says is another one', async () => {
    const seed = hexBytes(
      'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    );
    const secret = await eip2333SecretAtPath(seed, PATH);
    expect(secret).toHaveLength(32);
    expect(secret).not.toEqual(bls381SecretAtPath(seed, PATH));
  });

  test.each(['', 'm', 'm/', '12381/3600', 'm/12381/-1', "m/12381'/0", 'm/4294967296'])(
    'error: "%s" is no path',
    (path) => {
      expect(() => bls381SecretAtPath(new Uint8Array(32), path)).toThrow(valueInvalid);
    },
  );

  test.each(['m/12381/3600/0', 'm/12381/60/0/0', 'm/1/3600/0/0'])(
    'error: "%s" is no EIP-2334 path',
    async (path) => {
      await expect(eip2333SecretAtPath(new Uint8Array(32), path)).rejects.toThrow(valueInvalid);
    },
  );
});
