/** Operators of a table who sign results: their table, and certificates by any part of them. */
import { type Address, parseAddress, parseTaskId, type TaskId } from '../../src/base/brands.js';
import { word } from '../../src/base/bytes.js';
import type { Bn254 } from '../../src/crypto/bn254/bn254.js';
import { ecdsaAddress, signEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { assembleBn254Certificate, type Bn254Certificate } from '../../src/protocol/bn254-certificate.js';
import { assembleEcdsaCertificate, type EcdsaCertificate } from '../../src/protocol/ecdsa-certificate.js';
import {
  type Bn254OperatorInfo,
  operatorTableRoot,
  operatorTableTree,
} from '../../src/protocol/operator-table.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  taskMessageHash,
} from '../../src/protocol/result.js';
import { encodeBn254Table, encodeEcdsaTable } from './table-bytes.js';

/** What is certified: this output of this task, against the table of this time. */
export interface Certified {
  readonly taskId: string;
  readonly output: Uint8Array;
  readonly referenceTimestamp: number;
}

const messageHashOf = ({ taskId, output }: Certified) => taskMessageHash(taskIdOf(taskId), output);
const taskIdOf = (taskId: string): TaskId => parseTaskId(taskId);
const at = <T>(values: readonly T[], index: number): T => {
  const value = values[index];
  if (value === undefined) throw new Error(`the crew has no operator ${index}`);
  return value;
};

export class Bn254Crew {
  readonly #bn254: Bn254;
  readonly secrets: readonly bigint[];
  readonly infos: readonly Bn254OperatorInfo[];

  /** @param secrets in the order of the table's leaves, as are the weights */
  constructor(bn254: Bn254, secrets: readonly bigint[], weights: readonly (readonly bigint[])[]) {
    this.#bn254 = bn254;
    this.secrets = secrets;
    this.infos = secrets.map((secret, index) => ({
      pubkey: bn254.derivePublicKey(secret).g1,
      weights: at(weights, index),
    }));
  }

  table(): Uint8Array {
    const types = this.infos[0]?.weights ?? [];
    return encodeBn254Table({
      operatorInfoTreeRoot: operatorTableRoot(this.infos),
      numOperators: BigInt(this.infos.length),
      aggregatePubkey: this.#bn254.addG1(this.infos.map((info) => info.pubkey)),
      totalWeights: types.map((_, type) =>
        this.infos.reduce((sum, info) => sum + at(info.weights, type), 0n),
      ),
    });
  }

  /** @param signers places among the leaves */
  certify(certified: Certified, signers: readonly number[]): Bn254Certificate {
    const { referenceTimestamp } = certified;
    const messageHash = messageHashOf(certified);
    const digest = keccak256(bn254CertificatePreimage(referenceTimestamp, messageHash));
    const signing = signers.map((index) => at(this.secrets, index));
    return assembleBn254Certificate({
      referenceTimestamp,
      messageHash,
      operators: this.infos,
      tree: operatorTableTree(this.infos),
      signers: new Set(signers),
      signature: this.#bn254.addG1(
        signing.map((secret) => this.#bn254.parseSignature(this.#bn254.sign(secret, digest, 'solidity'))),
      ),
      apk: this.#bn254.addG2(signing.map((secret) => this.#bn254.derivePublicKey(secret).g2)),
    });
  }
}

export class EcdsaCrew {
  readonly secrets: readonly Uint8Array[];
  readonly signers: readonly Address[];
  readonly #weights: readonly (readonly bigint[])[];
  readonly #verifier: Address;

  constructor(verifier: string, secrets: readonly bigint[], weights: readonly (readonly bigint[])[]) {
    this.#verifier = parseAddress(verifier);
    this.secrets = secrets.map((secret) => word(secret));
    this.signers = this.secrets.map((secret) => ecdsaAddress(secret));
    this.#weights = weights;
  }

  table(): Uint8Array {
    return encodeEcdsaTable(
      this.signers.map((signer, index) => ({ signer, weights: at(this.#weights, index) })),
    );
  }

  certify(certified: Certified, signers: readonly number[]): EcdsaCertificate {
    const { referenceTimestamp } = certified;
    const messageHash = messageHashOf(certified);
    const domain = ecdsaDomainSeparator(this.#verifier);
    const digest = keccak256(ecdsaCertificatePreimage(referenceTimestamp, messageHash, domain));
    return assembleEcdsaCertificate({
      referenceTimestamp,
      messageHash,
      signatures: signers.map((index) => ({
        signer: at(this.signers, index),
        signature: signEcdsa(at(this.secrets, index), digest),
      })),
    });
  }
}
