/** Whether responses are signed by the operators they name: what the verification worker computes. */
import type { Address } from '../../base/brands.js';
import { explain } from '../../base/error.js';
import type { Bn254, SignedDigest } from '../../crypto/bn254/bn254.js';
import type { G2Point } from '../../crypto/bn254/points.js';
import { recoverEcdsa } from '../../crypto/ecdsa.js';

/** The two signatures of a response and the digests they must be over. */
interface SignedResponse {
  readonly resultDigest: Uint8Array;
  readonly resultSignature: Uint8Array;
  readonly authDigest: Uint8Array;
  readonly authSignature: Uint8Array;
}

export interface Bn254Response extends SignedResponse {
  readonly curve: 'bn254';
  readonly publicKey: G2Point;
}

export interface EcdsaResponse extends SignedResponse {
  readonly curve: 'ecdsa';
  /** The operator's registered signing address. */
  readonly signer: Address;
}

/** Plain data only, so that it can be posted to a worker thread. */
export type ResponseToVerify = Bn254Response | EcdsaResponse;

/** Undefined for a valid response, else what is wrong with it. */
export type Verdict = string | undefined;

/**
 * Verdicts in the order of the responses. All BN254 signatures are checked in one batch with random
 * coefficients, so that signatures which are wrong by amounts that cancel are both found.
 */
export function judgeResponses(bn254: Bn254, responses: readonly ResponseToVerify[]): Verdict[] {
  const verdicts: Verdict[] = responses.map(() => undefined);
  const batch: (SignedDigest & { readonly position: number; readonly name: string })[] = [];
  for (const [position, response] of responses.entries()) {
    if (response.curve === 'ecdsa') {
      verdicts[position] = judgeEcdsa(response);
      continue;
    }
    try {
      const { publicKey, resultDigest, authDigest } = response;
      const result = bn254.parseSignature(response.resultSignature);
      const auth = bn254.parseSignature(response.authSignature);
      batch.push(
        { position, name: 'result', publicKey, digest: resultDigest, map: 'solidity', signature: result },
        { position, name: 'auth', publicKey, digest: authDigest, map: 'plain', signature: auth },
      );
    } catch (error) {
      verdicts[position] = `a signature is malformed: ${explain(error)}`;
    }
  }
  for (const index of bn254.verifyBatch(batch)) {
    const bad = batch[index];
    if (bad) verdicts[bad.position] ??= `the ${bad.name} signature does not verify`;
  }
  return verdicts;
}

function judgeEcdsa(response: EcdsaResponse): Verdict {
  const pairs = [
    ['result', response.resultDigest, response.resultSignature],
    ['auth', response.authDigest, response.authSignature],
  ] as const;
  for (const [name, digest, signature] of pairs) {
    try {
      const recovered = recoverEcdsa(digest, signature);
      if (recovered !== response.signer) return `the ${name} signature is by another key (${recovered})`;
    } catch (error) {
      return `the ${name} signature is malformed: ${explain(error)}`;
    }
  }
  return undefined;
}
