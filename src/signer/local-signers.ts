/** Signers that hold the key in this process. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toBigInt } from '../base/bytes.js';
import type { Secret } from '../base/secret.js';
import { type Bn254, loadBn254 } from '../crypto/bn254/bn254.js';
import { ecdsaAddress, signEcdsa } from '../crypto/ecdsa.js';
import { keccak256 } from '../crypto/keccak.js';
import type { Bn254Signer, EcdsaSigner, Signer } from './signer.js';

/** A signature takes half a millisecond or more. */
const SIGNATURES_PER_TURN = 8;

/** @param secret 32 bytes, big-endian. @throws PonosError KEY_INVALID */
export async function createLocalBn254Signer(secret: Secret<Uint8Array>): Promise<Bn254Signer> {
  const bn254: Bn254 = await loadBn254();
  return {
    curve: 'bn254',
    publicIdentity: bn254.derivePublicKey(toBigInt(secret.reveal())),
    sign: inTurns((preimage, map) => bn254.sign(toBigInt(secret.reveal()), keccak256(preimage), map)),
  };
}

/** @param secret 32 bytes, big-endian. @throws PonosError KEY_INVALID */
export function createLocalEcdsaSigner(secret: Secret<Uint8Array>): EcdsaSigner {
  return {
    curve: 'ecdsa',
    publicIdentity: ecdsaAddress(secret.reveal()),
    sign: inTurns((preimage) => signEcdsa(secret.reveal(), keccak256(preimage))),
  };
}

/**
 * Signs a few at a time and lets the event loop run in between: a task with many executors needs a signature for each,
 * and what answers and reads the chain should not wait for all of them. The key stays in this one thread.
 */
function inTurns(
  sign: (...parameters: Parameters<Signer['sign']>) => Uint8Array,
): (...parameters: Parameters<Signer['sign']>) => Promise<Uint8Array> {
  let asked = 0;
  let turn = Promise.resolve();
  return async (preimage, map) => {
    asked += 1;
    if (asked % SIGNATURES_PER_TURN === 0) turn = turn.then(() => nextTurn());
    await turn;
    return sign(preimage, map);
  };
}
