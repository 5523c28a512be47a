/** What every signer promises, wherever its key is. */
import { describe, expect, test } from '@jest/globals';
import { loadBn254 } from '../../src/crypto/bn254/bn254.js';
import type { HashMap } from '../../src/crypto/bn254/hash-to-g1.js';
import { recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type { Signer } from '../../src/signer/signer.js';

const maps: readonly HashMap[] = ['plain', 'solidity'];
const preimages = [0, 1, 32, 66, 96, 160, 224].map((length) => new Uint8Array(length).fill(length));

async function verifies(signer: Signer, preimage: Uint8Array, map: HashMap, signature: Uint8Array) {
  const digest = keccak256(preimage);
  if (signer.curve === 'ecdsa') return recoverEcdsa(digest, signature) === signer.publicIdentity;
  const bn254 = await loadBn254();
  return bn254.verify(signer.publicIdentity.g2, digest, map, bn254.parseSignature(signature));
}

/**
 * @param load gives a signer of the same key at each call
 * @param repeats whether it promises the same bytes for the same preimage, as keys in this process do
 */
export function describeSigner(name: string, load: () => Promise<Signer>, repeats = true): void {
  describe(`${name} as a signer`, () => {
    test.each(maps)('behavior: signs the keccak-256 of preimages of any length (%s map)', async (map) => {
      const signer = await load();
      for (const preimage of preimages) {
        const signature = await signer.sign(preimage, map);
        expect(signature).toHaveLength(signer.curve === 'bn254' ? 64 : 65);
        expect(await verifies(signer, preimage, map, signature)).toBe(true);
      }
    });

    test('behavior: the same preimage gives the same bytes, from another instance too', async () => {
      const [one, other] = [await load(), await load()];
      expect(other.publicIdentity).toEqual(one.publicIdentity);
      for (const preimage of repeats ? preimages : []) {
        expect(await other.sign(preimage, 'plain')).toEqual(await one.sign(preimage, 'plain'));
      }
    });

    test('behavior: the map matters for BN254 alone', async () => {
      const signer = await load();
      const [plain, solidity] = await Promise.all(maps.map((map) => signer.sign(Uint8Array.of(1), map)));
      if (signer.curve === 'bn254') expect(plain).not.toEqual(solidity);
      else if (repeats) expect(plain).toEqual(solidity);
    });

    test('behavior: it leaves the preimage as it is and does not print its key', async () => {
      const signer = await load();
      const preimage = Uint8Array.of(1, 2, 3);
      await signer.sign(preimage, 'plain');
      expect(preimage).toEqual(Uint8Array.of(1, 2, 3));
      expect(Object.keys(signer).sort()).toEqual(['curve', 'publicIdentity', 'sign']);
    });
  });
}
