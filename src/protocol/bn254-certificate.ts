/** The BN254 certificate: aggregate signature, aggregate key, and a witness for everyone who did not sign. */
import { PonosError } from '../base/error.js';
import { type G1Point, type G2Point, g2ToWords } from '../crypto/bn254/points.js';
import { abiArray, abiBytes, abiEncode, abiTuple, abiUint, abiWord } from './abi-encode.js';
import type { MerkleTree } from './merkle.js';
import { abiG1, abiOperatorInfo, type Bn254OperatorInfo } from './operator-table.js';

/** Proof that an operator is in the table, so that its key can be taken out of the aggregate. */
export interface NonSignerWitness {
  readonly operatorIndex: number;
  readonly operatorInfoProof: Uint8Array;
  readonly operatorInfo: Bn254OperatorInfo;
}

/** `IBN254CertificateVerifier.BN254Certificate`. */
export interface Bn254Certificate {
  readonly referenceTimestamp: number;
  readonly messageHash: Uint8Array;
  /** Sum of the signers' signatures. */
  readonly signature: G1Point;
  /** Sum of the signers' G2 keys. */
  readonly apk: G2Point;
  /** By operator index, strictly increasing. */
  readonly nonSignerWitnesses: readonly NonSignerWitness[];
}

export interface Bn254CertificateParts {
  readonly referenceTimestamp: number;
  readonly messageHash: Uint8Array;
  /** All leaves of the table, in tree order. */
  readonly operators: readonly Bn254OperatorInfo[];
  /** Over these leaves; see `operatorTableTree`. */
  readonly tree: MerkleTree;
  /** Indexes of the leaves that signed this message hash; signers of another are non-signers. */
  readonly signers: ReadonlySet<number>;
  readonly signature: G1Point;
  readonly apk: G2Point;
}

/** @throws PonosError INTERNAL without signers, or with one outside the table */
export function assembleBn254Certificate(parts: Bn254CertificateParts): Bn254Certificate {
  const { operators, tree, signers } = parts;
  const known = [...signers].filter((index) => operators[index] !== undefined);
  if (signers.size === 0 || known.length !== signers.size) {
    throw new PonosError('INTERNAL', {
      message: 'a certificate needs at least one signer, and only signers of its table',
      facts: { signers: [...signers].join(' '), operators: operators.length },
    });
  }
  const nonSignerWitnesses = operators.flatMap((operatorInfo, operatorIndex) =>
    signers.has(operatorIndex)
      ? []
      : [{ operatorIndex, operatorInfoProof: tree.proof(operatorIndex), operatorInfo }],
  );
  return {
    referenceTimestamp: parts.referenceTimestamp,
    messageHash: parts.messageHash,
    signature: parts.signature,
    apk: parts.apk,
    nonSignerWitnesses,
  };
}

/** `abi.encode(certificate)`, equal to `TaskMailbox.getBN254CertificateBytes`. */
export function encodeBn254Certificate(certificate: Bn254Certificate): Uint8Array {
  const apk = g2ToWords(certificate.apk);
  const witnesses = certificate.nonSignerWitnesses.map((witness) =>
    abiTuple([
      abiUint(witness.operatorIndex),
      abiBytes(witness.operatorInfoProof),
      abiOperatorInfo(witness.operatorInfo),
    ]),
  );
  return abiEncode([
    abiTuple([
      abiUint(certificate.referenceTimestamp),
      abiWord(certificate.messageHash),
      abiG1(certificate.signature),
      abiTuple([...apk.X, ...apk.Y].map((coordinate) => abiUint(coordinate))),
      abiArray(witnesses),
    ]),
  ]);
}
