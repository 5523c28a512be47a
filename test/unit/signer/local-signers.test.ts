import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { toHex, word } from '../../../src/base/bytes.js';
import { Secret } from '../../../src/base/secret.js';
import { encodeG2 } from '../../../src/crypto/bn254/points.js';
import { parseEcdsaSecret } from '../../../src/crypto/ecdsa.js';
import { challengeTokenMessage } from '../../../src/protocol/management.js';
import { createLocalBn254Signer, createLocalEcdsaSigner } from '../../../src/signer/local-signers.js';
import { describeSigner } from '../../support/signer-contract.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

const ecdsaSecret = () => new Secret(parseEcdsaSecret('11'.repeat(32)));

describeSigner('a local BN254 key', () => createLocalBn254Signer(new Secret(word(12_345))));
describeSigner('a local ECDSA key', async () => createLocalEcdsaSigner(ecdsaSecret()));

describe('recorded challenge tokens', () => {
  const { cases } = readVectors<{
    readonly cases: readonly {
      readonly challengeToken: string;
      readonly bn254: {
        readonly privateKeyHex: string;
        readonly publicKeyBytes: string;
        readonly signature: string;
      };
      readonly ecdsa: {
        readonly privateKeyHex: string;
        readonly address: string;
        readonly signature: string;
      };
    }[];
  }>('mgmt-auth');

  test.each(cases)('behavior: $challengeToken is signed as peers sign it', async (vector) => {
    const message = challengeTokenMessage(vector.challengeToken);
    const bls = await createLocalBn254Signer(new Secret(hexBytes(vector.bn254.privateKeyHex)));
    expect(toHex(await bls.sign(message, 'plain'))).toBe(vector.bn254.signature);
    expect(toHex(encodeG2(bls.publicIdentity.g2))).toBe(vector.bn254.publicKeyBytes);
    const ecdsa = createLocalEcdsaSigner(new Secret(hexBytes(vector.ecdsa.privateKeyHex)));
    expect(toHex(await ecdsa.sign(message, 'plain'))).toBe(vector.ecdsa.signature);
    expect(ecdsa.publicIdentity).toBe(parseAddress(vector.ecdsa.address));
  });
});

describe('keys out of range', () => {
  test('error: zero is no key of either curve', async () => {
    const zero = new Secret(new Uint8Array(32));
    await expect(createLocalBn254Signer(zero)).rejects.toMatchObject({ code: 'KEY_INVALID' });
    expect(() => createLocalEcdsaSigner(zero)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });
});
