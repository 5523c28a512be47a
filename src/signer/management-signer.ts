/** The key by which an operator proves to its node that a management call is its own. */
import { PonosError } from '../base/error.js';
import type { RegisteredKey } from '../protocol/registered-key.js';
import type { SigningKeys } from './load-signers.js';
import type { Signer } from './signer.js';

/** The ECDSA key if there is one, else the BN254 key, as public clients have it. */
export function managementSigner({ ecdsa, bls }: SigningKeys): Signer {
  const signer = ecdsa ?? bls;
  if (signer === undefined) throw new PonosError('INTERNAL', { message: 'a node without a signing key' });
  return signer;
}

/** What verifies the signer's signatures. */
export function publicKeyOf(signer: Signer): RegisteredKey {
  return signer.curve === 'ecdsa'
    ? { curve: 'ecdsa', address: signer.publicIdentity }
    : { curve: 'bn254', publicKey: signer.publicIdentity };
}
