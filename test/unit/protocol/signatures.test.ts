/** The messages of this module, signed with our curves, give the recorded signatures. */
import { describe, expect, test } from '@jest/globals';
import { type Address, parseAddress, parseHash32, parseHex, parseTaskId } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { encodeG1, encodeG2 } from '../../../src/crypto/bn254/points.js';
import { ecdsaAddress, parseEcdsaSecret, recoverEcdsa, signEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { challengeTokenMessage } from '../../../src/protocol/management.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  resultAuthMessage,
} from '../../../src/protocol/result.js';
import { submissionMessage } from '../../../src/protocol/submission.js';
import { bn254Certificates, ecdsaCertificates } from '../../support/cert-assembly-vectors.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

interface SignedByBn254 {
  readonly privateKeyHex: string;
  readonly publicKeyBytes: string;
  readonly signature: string;
}

interface SignedByEcdsa {
  readonly privateKeyHex: string;
  readonly address: string;
  readonly signature: string;
}

type SignedResult<Signed> = Omit<Signed, 'signature'> & {
  readonly resultSignature: string;
  readonly authSignature: string;
};

const bn254 = await loadBn254();

function expectBn254(signed: SignedByBn254, preimage: Uint8Array, map: 'plain' | 'solidity'): void {
  const secret = BigInt(signed.privateKeyHex);
  const digest = keccak256(preimage);
  expect(toHex(bn254.sign(secret, digest, map))).toBe(signed.signature);
  const publicKey = bn254.parsePublicKey(hexBytes(signed.publicKeyBytes));
  expect(toHex(encodeG2(bn254.derivePublicKey(secret).g2))).toBe(signed.publicKeyBytes);
  expect(bn254.verify(publicKey, digest, map, bn254.parseSignature(hexBytes(signed.signature)))).toBe(true);
}

function expectEcdsa(signed: SignedByEcdsa, preimage: Uint8Array): void {
  const secret = parseEcdsaSecret(signed.privateKeyHex);
  const digest = keccak256(preimage);
  expect(toHex(signEcdsa(secret, digest))).toBe(signed.signature);
  expect(recoverEcdsa(digest, hexBytes(signed.signature))).toBe(parseAddress(signed.address));
  expect(ecdsaAddress(secret)).toBe(parseAddress(signed.address));
}

describe('submissions', () => {
  const { cases } = readVectors<{
    readonly cases: readonly {
      readonly input: {
        readonly taskId: string;
        readonly avsAddress: string;
        readonly executorAddress: string;
        readonly operatorSetId: number;
        readonly referenceTimestamp: number;
        readonly taskBlockNumber: string;
        readonly payload: string;
      };
      readonly bn254: SignedByBn254;
      readonly ecdsa: SignedByEcdsa;
    }[];
  }>('task-submission-digest');

  test.each(cases)('behavior: an aggregator signs submission $input.taskId on both curves', (vector) => {
    const { input } = vector;
    const message = submissionMessage({
      taskId: parseTaskId(input.taskId),
      avs: parseAddress(input.avsAddress),
      executor: parseAddress(input.executorAddress),
      operatorSetId: input.operatorSetId,
      referenceTimestamp: input.referenceTimestamp,
      taskBlockNumber: BigInt(input.taskBlockNumber),
      payload: hexBytes(input.payload),
    });
    expectBn254(vector.bn254, message, 'plain');
    expectEcdsa(vector.ecdsa, message);
  });
});

describe('results', () => {
  const { cases } = readVectors<{
    readonly cases: readonly {
      readonly addressSet: string;
      readonly input: {
        readonly taskId: string;
        readonly avsAddress: string;
        readonly operatorAddress: string;
        readonly operatorSetId: number;
        readonly referenceTimestamp: number;
      };
      readonly messageHash: string;
      readonly bn254: SignedResult<SignedByBn254>;
      readonly ecdsa: SignedResult<SignedByEcdsa> & { readonly verifyingContract: string };
    }[];
  }>('task-result-digest');

  test.each(cases)('behavior: an executor signs $input.taskId ($addressSet) on both curves', (vector) => {
    const { input } = vector;
    const messageHash = hexBytes(parseHash32(vector.messageHash));
    const authMessage = (resultSignature: string) =>
      resultAuthMessage({
        taskId: parseTaskId(input.taskId),
        avs: parseAddress(input.avsAddress),
        operator: parseAddress(input.operatorAddress),
        operatorSetId: input.operatorSetId,
        resultSignature: hexBytes(parseHex(resultSignature)),
      });

    const { resultSignature: blsResult, authSignature: blsAuth } = vector.bn254;
    const blsPreimage = bn254CertificatePreimage(input.referenceTimestamp, messageHash);
    expectBn254({ ...vector.bn254, signature: blsResult }, blsPreimage, 'solidity');
    expectBn254({ ...vector.bn254, signature: blsAuth }, authMessage(blsResult), 'plain');

    const { resultSignature: ecdsaResult, authSignature: ecdsaAuth } = vector.ecdsa;
    const domainSeparator = ecdsaDomainSeparator(parseAddress(vector.ecdsa.verifyingContract));
    const ecdsaPreimage = ecdsaCertificatePreimage(input.referenceTimestamp, messageHash, domainSeparator);
    expectEcdsa({ ...vector.ecdsa, signature: ecdsaResult }, ecdsaPreimage);
    expectEcdsa({ ...vector.ecdsa, signature: ecdsaAuth }, authMessage(ecdsaResult));
  });
});

describe('management calls', () => {
  const { cases } = readVectors<{
    readonly cases: readonly {
      readonly challengeToken: string;
      readonly bn254: SignedByBn254;
      readonly ecdsa: SignedByEcdsa;
    }[];
  }>('mgmt-auth');

  test.each(cases)('behavior: a caller signs token $challengeToken on both curves', (vector) => {
    const message = challengeTokenMessage(vector.challengeToken);
    expectBn254(vector.bn254, message, 'plain');
    expectEcdsa(vector.ecdsa, message);
  });
});

interface Submission {
  readonly operatorIndex: number;
  readonly resultSignature: Uint8Array;
  readonly authSignature: Uint8Array;
}

const authDigest = (
  task: Pick<(typeof bn254Certificates)[number], 'taskId' | 'avs' | 'operatorSetId'>,
  operator: Address | undefined,
  { resultSignature }: Submission,
) => {
  if (operator === undefined) throw new Error('a submission names an operator outside the table');
  return keccak256(resultAuthMessage({ ...task, operator, resultSignature }));
};

describe.each(bn254Certificates)('recorded BN254 certificate: $name', (task) => {
  const keys = task.secrets.map((secret) => bn254.derivePublicKey(secret));
  const digest = keccak256(bn254CertificatePreimage(task.referenceTimestamp, task.messageHash));

  test('behavior: each submission is what its operator signs', () => {
    for (const submission of task.submissions) {
      const secret = task.secrets[submission.operatorIndex] ?? 0n;
      const identity = authDigest(task, task.addresses[submission.operatorIndex], submission);
      expect(bn254.sign(secret, digest, 'solidity')).toEqual(submission.resultSignature);
      expect(bn254.sign(secret, identity, 'plain')).toEqual(submission.authSignature);
    }
  });

  test('behavior: the keys are those of the table; signature and apk are the signers’ sums', () => {
    expect(keys.map(({ g1 }) => g1)).toEqual(task.operators.map(({ pubkey }) => pubkey));
    const signatures = task.submissions.map((each) => bn254.parseSignature(each.resultSignature));
    const signers = task.submissions.flatMap(({ operatorIndex }) => keys[operatorIndex]?.g2 ?? []);
    expect(encodeG1(bn254.addG1(signatures))).toEqual(encodeG1(task.signature));
    expect(encodeG2(bn254.addG2(signers))).toEqual(encodeG2(task.apk));
    expect(bn254.verifyAggregate(signers, digest, 'solidity', task.signature)).toBe(true);
  });
});

test.each(ecdsaCertificates)('behavior: auth signatures of recorded ECDSA certificate: $name', (task) => {
  for (const submission of task.submissions) {
    const entry = task.operators[submission.operatorIndex];
    const digest = authDigest(task, entry?.operator, submission);
    expect(recoverEcdsa(digest, submission.authSignature)).toBe(entry?.signer);
  }
});
