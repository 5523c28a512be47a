/** The recorded certificates, in the types of our code. */
import { parseAddress, parseTaskId } from '../../src/base/brands.js';
import { type G1Point, type G2Point, g2FromWords } from '../../src/crypto/bn254/points.js';
import type { Bn254OperatorInfo } from '../../src/protocol/operator-table.js';
import { hexBytes } from './vector-bytes.js';
import { readVectors } from './vectors.js';

interface RecordedTask {
  readonly name: string;
  readonly taskId: string;
  readonly avsAddress: string;
  readonly operatorSetId: number;
  readonly output: string;
  readonly referenceTimestamp: number;
}

interface Recorded {
  readonly bn254: readonly (RecordedTask & {
    readonly messageHash: string;
    readonly operatorInfoTreeRoot: string;
    readonly thresholdBips: number;
    readonly totalWeights: readonly string[];
    readonly nonSignerIndices: readonly number[];
    readonly certificateAbiEncoded: string;
    readonly certificate: {
      readonly signature: { readonly X: string; readonly Y: string };
      readonly apk: { readonly X: readonly [string, string]; readonly Y: readonly [string, string] };
      readonly nonSignerWitnesses: readonly {
        readonly operatorIndex: number;
        readonly operatorInfoProof: string;
      }[];
    };
    readonly operators: readonly {
      readonly address: string;
      readonly operatorIndex: number;
      readonly privateKeyHex: string;
      readonly pubkeyG1: { readonly x: string; readonly y: string };
      readonly weights: readonly string[];
    }[];
    readonly submissions: readonly {
      readonly operatorIndex: number;
      readonly resultSignature: string;
      readonly authSignature: string;
      readonly thresholdMetAfter: boolean;
    }[];
  })[];
  readonly ecdsa: readonly (RecordedTask & {
    readonly thresholdBips: number;
    readonly certificate: { readonly messageHash: string; readonly sig: string };
    readonly referenceSubmitted: { readonly certBytes: string; readonly equalsCertificate: boolean };
    readonly operators: readonly {
      readonly operatorAddress: string;
      readonly operatorIndex: number;
      readonly signingAddress: string;
      readonly weights: readonly string[];
    }[];
    readonly submissions: readonly {
      readonly operatorIndex: number;
      readonly resultSignature: string;
      readonly authSignature: string;
      readonly thresholdMetAfter: boolean;
    }[];
  })[];
  readonly acceptedOffChainButRevertingOnChain: readonly (RecordedTask & {
    readonly poisonedSignature: string;
    readonly submissions: readonly {
      readonly operatorAddress: string;
      readonly resultSignature: string;
      readonly authSignature: string;
    }[];
  })[];
}

const recorded = readVectors<Recorded>('cert-assembly');

const taskOf = (task: RecordedTask) => ({
  name: task.name,
  taskId: parseTaskId(task.taskId),
  avs: parseAddress(task.avsAddress),
  operatorSetId: task.operatorSetId,
  output: hexBytes(task.output),
  referenceTimestamp: task.referenceTimestamp,
});

export const bn254Certificates = recorded.bn254.map((task) => {
  const operators = [...task.operators].sort((a, b) => a.operatorIndex - b.operatorIndex);
  const signature: G1Point = {
    x: BigInt(task.certificate.signature.X),
    y: BigInt(task.certificate.signature.Y),
  };
  const { X, Y } = task.certificate.apk;
  const apk: G2Point = g2FromWords({
    X: [BigInt(X[0]), BigInt(X[1])],
    Y: [BigInt(Y[0]), BigInt(Y[1])],
  });
  return {
    ...taskOf(task),
    messageHash: hexBytes(task.messageHash),
    operatorInfoTreeRoot: task.operatorInfoTreeRoot,
    thresholdBips: task.thresholdBips,
    totalWeights: task.totalWeights.map(BigInt),
    nonSignerIndices: task.nonSignerIndices,
    witnessProofs: task.certificate.nonSignerWitnesses.map((witness) => witness.operatorInfoProof),
    certificateAbiEncoded: task.certificateAbiEncoded,
    signature,
    apk,
    addresses: operators.map((operator) => parseAddress(operator.address)),
    secrets: operators.map((operator) => BigInt(operator.privateKeyHex)),
    operators: operators.map(
      (operator): Bn254OperatorInfo => ({
        pubkey: { x: BigInt(operator.pubkeyG1.x), y: BigInt(operator.pubkeyG1.y) },
        weights: operator.weights.map(BigInt),
      }),
    ),
    submissions: task.submissions.map((submission) => ({
      ...submission,
      resultSignature: hexBytes(submission.resultSignature),
      authSignature: hexBytes(submission.authSignature),
    })),
  };
});

export const ecdsaCertificates = recorded.ecdsa.map((task) => ({
  ...taskOf(task),
  messageHash: hexBytes(task.certificate.messageHash),
  thresholdBips: task.thresholdBips,
  sig: task.certificate.sig,
  referenceSubmitted: task.referenceSubmitted,
  operators: task.operators.map((operator) => ({
    operator: parseAddress(operator.operatorAddress),
    signer: parseAddress(operator.signingAddress),
    weights: operator.weights.map(BigInt),
  })),
  submissions: task.submissions.map((submission) => ({
    ...submission,
    resultSignature: hexBytes(submission.resultSignature),
    authSignature: hexBytes(submission.authSignature),
  })),
}));

/** Signatures that the Go aggregator lets pass and that make the whole certificate revert. */
export const poisonedSubmissions = recorded.acceptedOffChainButRevertingOnChain.map((task) => ({
  ...taskOf(task),
  poisonedSignature: hexBytes(task.poisonedSignature),
  submissions: task.submissions.map((submission) => ({
    operator: parseAddress(submission.operatorAddress),
    resultSignature: hexBytes(submission.resultSignature),
    authSignature: hexBytes(submission.authSignature),
  })),
}));
