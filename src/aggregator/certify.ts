/** Certifying: from the answers that agree to the certificate the chain verifies. */
import type { Address } from '../base/brands.js';
import { fromHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import type { G2Point } from '../crypto/bn254/points.js';
import { assembleBn254Certificate, encodeBn254Certificate } from '../protocol/bn254-certificate.js';
import { assembleEcdsaCertificate, encodeEcdsaCertificate } from '../protocol/ecdsa-certificate.js';
import type { ResponseGroup } from '../protocol/tally.js';
import { votingWeight } from '../protocol/threshold.js';
import type { CountedAnswer } from './collect.js';
import type { PlannedOperator, TaskPlan } from './task-plan.js';

export interface CertifiedResult {
  /** `abi.encode(certificate)`. */
  readonly certificate: Uint8Array;
  readonly output: Uint8Array;
  readonly signers: readonly Address[];
  /** Theirs; more than the group had that won, where answers have come since. */
  readonly weight: bigint;
  /** Everyone else of the table, those who signed another output included. */
  readonly nonSigners: readonly Address[];
}

/** Makes the certificate of `group` out of the counted answers, each of which has been verified. */
export function certify(
  plan: TaskPlan,
  group: ResponseGroup,
  counted: ReadonlyMap<Address, CountedAnswer>,
  output: Uint8Array,
  bn254: Bn254,
): CertifiedResult {
  const signing = [...counted.values()].filter((answer) => answer.messageHash === group.messageHash);
  const signers = new Set(signing.map(({ operator }) => operator.index));
  const encode = plan.curve === 'bn254' ? encodeBn254 : encodeEcdsa;
  return {
    certificate: encode(plan, fromHex(group.messageHash), signing, bn254),
    output,
    signers: plan.operators.filter(({ index }) => signers.has(index)).map(({ operator }) => operator),
    weight: signing.reduce((sum, { operator }) => sum + votingWeight(operator.weights), 0n),
    nonSigners: plan.operators.filter(({ index }) => !signers.has(index)).map(({ operator }) => operator),
  };
}

function encodeBn254(
  plan: TaskPlan,
  messageHash: Uint8Array,
  signing: readonly CountedAnswer[],
  bn254: Bn254,
): Uint8Array {
  const { leafTree: tree } = plan;
  if (tree === undefined) {
    throw new PonosError('INTERNAL', { message: 'the plan of a BN254 task has no tree over its table' });
  }
  const certificate = assembleBn254Certificate({
    tree,
    referenceTimestamp: plan.task.referenceTimestamp,
    messageHash,
    operators: plan.operators.map((operator) => ({
      pubkey: bn254KeyOf(operator).g1,
      weights: operator.weights,
    })),
    signers: new Set(signing.map(({ operator }) => operator.index)),
    signature: bn254.addG1(signing.map(({ resultSignature }) => bn254.parseSignature(resultSignature))),
    apk: bn254.addG2(signing.map(({ operator }): G2Point => bn254KeyOf(operator).g2)),
  });
  return encodeBn254Certificate(certificate);
}

function encodeEcdsa(plan: TaskPlan, messageHash: Uint8Array, signing: readonly CountedAnswer[]): Uint8Array {
  const certificate = assembleEcdsaCertificate({
    referenceTimestamp: plan.task.referenceTimestamp,
    messageHash,
    // An answer counts only when the address recovered from its signature is the registered one.
    signatures: signing.map(({ operator, resultSignature }) => ({
      signer: ecdsaSignerOf(operator),
      signature: resultSignature,
    })),
  });
  return encodeEcdsaCertificate(certificate);
}

function bn254KeyOf({ operator, key }: PlannedOperator) {
  if (key.curve === 'bn254') return key.publicKey;
  throw otherCurve(operator);
}

function ecdsaSignerOf({ operator, key }: PlannedOperator) {
  if (key.curve === 'ecdsa') return key.signer;
  throw otherCurve(operator);
}

function otherCurve(operator: Address): PonosError {
  return new PonosError('INTERNAL', {
    message: 'an operator of the table has a key of another curve than the table',
    facts: { operator },
  });
}
