/** A key that a remote signer holds: found, proven to be the configured one, and proven again by each signature. */

import type { Address } from '../base/brands.js';
import { concatBytes, toHex } from '../base/bytes.js';
import { isPonosError, PonosError } from '../base/error.js';
import { addressOfPublicKey, parseEcdsaPublicKey, recoverEcdsa } from '../crypto/ecdsa.js';
import { keccak256 } from '../crypto/keccak.js';
import type { SignerPlace } from './signer-failure.js';
import type { Web3Signer } from './web3signer.js';

/** The key as the configuration names it: by one of the two, or both. */
export interface NamedKey {
  readonly fromAddress?: Address;
  readonly publicKey?: string;
}

export interface RemoteKey {
  readonly address: Address;
  /** As the signer writes it. */
  readonly publicKey: string;
}

/**
 * The address that the configuration means.
 * @throws PonosError CONFIG_INVALID for none, for no public key, and for two that do not belong together
 */
export function configuredAddress({ fromAddress, publicKey }: NamedKey, at: string): Address {
  const derived = publicKey === undefined ? undefined : addressOf(publicKey, `${at}.publicKey`);
  const address = fromAddress ?? derived;
  if (address === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `${at} names no key`,
      advice: `Give ${at}.publicKey, or ${at}.fromAddress.`,
    });
  }
  if (derived !== undefined && derived !== address) {
    throw new PonosError('CONFIG_INVALID', {
      message: `${at}.publicKey is not the key of ${at}.fromAddress`,
      facts: { fromAddress: address, addressOfPublicKey: derived },
      advice: 'Take one of them out, or correct it.',
    });
  }
  return address;
}

/**
 * Finds a key among those that the signer has. Keys that cannot be read are somebody else's.
 * @throws PonosError SIGNER_REFUSED when it is not there
 */
export function findKey(published: readonly string[], address: Address, place: SignerPlace): RemoteKey {
  const publicKey = published.find((text) => {
    try {
      return addressOfPublicKey(parseEcdsaPublicKey(text)) === address;
    } catch (error) {
      if (isPonosError(error, 'KEY_INVALID')) return false;
      throw error;
    }
  });
  if (publicKey === undefined) throw keyMissing(address, published.length, place);
  return { address, publicKey };
}

/** @param keys how many it has */
export function keyMissing(address: Address, keys: number, { signer, at }: SignerPlace): PonosError {
  return new PonosError('SIGNER_REFUSED', {
    message: 'the remote signer does not have the key',
    facts: { signer, address, keys },
    advice: `Load it there, or correct ${at}.`,
  });
}

/**
 * Signs keccak-256 of a preimage.
 * @returns 65 bytes r ‖ s ‖ v, v being 27 or 28
 * @throws PonosError SIGNER_MISMATCH unless the signature is one of the key, and as chains take it; as `Web3Signer`
 */
export async function signWith(
  client: Web3Signer,
  key: RemoteKey,
  preimage: Uint8Array,
): Promise<Uint8Array> {
  const signature = withEthereumV(await client.sign(key.publicKey, preimage));
  const { signer } = client.place;
  let recovered: Address;
  try {
    recovered = recoverEcdsa(keccak256(preimage), signature);
  } catch (cause) {
    throw new PonosError('SIGNER_MISMATCH', {
      message: 'the remote signer gave what is no signature',
      facts: { signer, bytes: signature.length },
      cause,
    });
  }
  if (recovered === key.address) return signature;
  throw new PonosError('SIGNER_MISMATCH', {
    message: 'the remote signer signed with another key, or something else than it was given',
    facts: { signer, expected: key.address, recovered, signature: toHex(signature) },
    advice: 'Nothing of it is used. Find out what answers there before the node goes on.',
  });
}

/** Some key stores count the parity from 0. */
function withEthereumV(signature: Uint8Array): Uint8Array {
  const v = signature[64];
  if (signature.length !== 65 || (v !== 0 && v !== 1)) return signature;
  return concatBytes(signature.subarray(0, 64), Uint8Array.of(27 + v));
}

function addressOf(publicKey: string, at: string): Address {
  try {
    return addressOfPublicKey(parseEcdsaPublicKey(publicKey));
  } catch (cause) {
    throw new PonosError('CONFIG_INVALID', {
      message: `${at} is no public key of secp256k1`,
      advice: 'Give 128 hex digits, as the signer lists it at /api/v1/eth1/publicKeys.',
      cause,
    });
  }
}
