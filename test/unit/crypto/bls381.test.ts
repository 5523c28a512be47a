import { describe, expect, test } from '@jest/globals';
import { toHex, word } from '../../../src/base/bytes.js';
import {
  BLS381_ORDER,
  bls381PublicKey,
  randomBls381Secret,
  tryBls381Secret,
} from '../../../src/crypto/bls381.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

interface Key {
  privateKeyHex: string;
  publicKeyBytes: string;
}
const { bls381 } = readVectors<{ bls381: (Key & { seed: string; eip2333_m_12381_3600_0_0: Key })[] }>(
  'bn254-keys',
);

describe('bls381', () => {
  test.each(bls381)('vector: the G2 public keys of $seed', (expected) => {
    for (const key of [expected, expected.eip2333_m_12381_3600_0_0]) {
      expect(toHex(bls381PublicKey(hexBytes(key.privateKeyHex)))).toBe(key.publicKeyBytes);
    }
  });

  test('behavior: a random key signs and verifies, and is another each time', async () => {
    const [a, b] = [await randomBls381Secret(), await randomBls381Secret()];
    expect(await tryBls381Secret(a, word(1))).toBe(true);
    expect(a).not.toEqual(b);
  });

  test.each([word(0), word(BLS381_ORDER), new Uint8Array(31).fill(1)])(
    'error: %s is no private key',
    (secret) => {
      expect(() => bls381PublicKey(secret)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    },
  );
});
