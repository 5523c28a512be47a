/** Whether responses are signed by the operators they name: what the verification worker computes. */
import type { Address } from '../../base/brands.js';
import { explain } from '../../base/error.js';
import type { Bn254, SignedDigest } from '../../crypto/bn254/bn254.js';
import type { G2Point } from '../../crypto/bn254/points.js';
import { recoverEcdsa } from '../../crypto/ecdsa.js';
import { EcdsaBatch, type EcdsaSigned } from '../../crypto/ecdsa-batch.js';

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

/** Judges responses. It remembers the keys it has met, so that one lives as long as its thread. */
export class Judge {
  readonly #bn254: Bn254;
  readonly #ecdsa = new EcdsaBatch();

  constructor(bn254: Bn254) {
    this.#bn254 = bn254;
  }

  /**
   * Verdicts in the order of the responses. All signatures of a curve are checked in one batch with random
   * coefficients, so that signatures which are wrong by amounts that cancel are both found.
   */
  judge(responses: readonly ResponseToVerify[]): Verdict[] {
    const verdicts: Verdict[] = responses.map(() => undefined);
    this.#judgeBn254(responses, verdicts);
    this.#judgeEcdsa(responses, verdicts);
    return verdicts;
  }

  #judgeBn254(responses: readonly ResponseToVerify[], verdicts: Verdict[]): void {
    const batch: (SignedDigest & { readonly position: number; readonly name: string })[] = [];
    for (const [position, response] of responses.entries()) {
      if (response.curve !== 'bn254') continue;
      const { publicKey, resultDigest, resultSignature, authDigest, authSignature } = response;
      batch.push(
        {
          position,
          name: 'result',
          publicKey,
          digest: resultDigest,
          map: 'solidity',
          signature: resultSignature,
        },
        { position, name: 'auth', publicKey, digest: authDigest, map: 'plain', signature: authSignature },
      );
    }
    for (const index of this.#bn254.verifyBatch(batch)) {
      const bad = batch[index];
      if (bad) verdicts[bad.position] ??= `the ${bad.name} signature ${this.#bn254Flaw(bad)}`;
    }
  }

  /** What is wrong with a signature that is known to be bad. */
  #bn254Flaw({ signature }: SignedDigest): string {
    try {
      this.#bn254.parseSignature(signature);
      return 'does not verify';
    } catch (error) {
      return `is malformed: ${explain(error)}`;
    }
  }

  #judgeEcdsa(responses: readonly ResponseToVerify[], verdicts: Verdict[]): void {
    const batch: (EcdsaSigned & { readonly position: number; readonly name: string })[] = [];
    for (const [position, response] of responses.entries()) {
      if (response.curve !== 'ecdsa') continue;
      const { signer, resultDigest, resultSignature, authDigest, authSignature } = response;
      batch.push(
        { position, name: 'result', signer, digest: resultDigest, signature: resultSignature },
        { position, name: 'auth', signer, digest: authDigest, signature: authSignature },
      );
    }
    for (const index of this.#ecdsa.verifyBatch(batch)) {
      const bad = batch[index];
      if (bad) verdicts[bad.position] ??= `the ${bad.name} signature is ${ecdsaFlaw(bad)}`;
    }
  }
}

/** What is wrong with a signature that is known to be bad. */
function ecdsaFlaw({ digest, signature }: EcdsaSigned): string {
  try {
    return `by another key (${recoverEcdsa(digest, signature)})`;
  } catch (error) {
    return `malformed: ${explain(error)}`;
  }
}
