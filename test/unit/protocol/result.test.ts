import { describe, expect, test } from '@jest/globals';
import { parseAddress, parseHash32, parseHex, parseTaskId } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  resultAuthMessage,
  taskMessageHash,
} from '../../../src/protocol/result.js';
import { readVectors } from '../../support/vectors.js';

interface SignedResult {
  readonly resultSignature: string;
  readonly authMessage160: string;
  readonly authDigest: string;
}

interface Vectors {
  readonly cases: readonly {
    readonly addressSet: string;
    readonly contractVersion: string;
    readonly input: {
      readonly taskId: string;
      readonly avsAddress: string;
      readonly operatorAddress: string;
      readonly operatorSetId: number;
      readonly output: string;
      readonly referenceTimestamp: number;
    };
    readonly messageHash: string;
    readonly bn254: SignedResult & { readonly certificateDigest: string };
    readonly ecdsa: SignedResult & {
      readonly certificateDigestBytes66: string;
      readonly domainSeparator: string;
      readonly signedDigest: string;
      readonly verifyingContract: string;
    };
  }[];
}

const { cases } = readVectors<Vectors>('task-result-digest');

describe.each(cases)('result $input.taskId, $addressSet', (vector) => {
  const { input } = vector;
  const taskId = parseTaskId(input.taskId);
  const messageHash = fromHex(parseHash32(vector.messageHash));

  test('behavior: message hash of task and output', () => {
    expect(toHex(taskMessageHash(taskId, fromHex(parseHex(input.output))))).toBe(vector.messageHash);
  });

  test('behavior: BN254 certificate digest', () => {
    const preimage = bn254CertificatePreimage(input.referenceTimestamp, messageHash);
    expect(preimage).toHaveLength(96);
    expect(toHex(keccak256(preimage))).toBe(vector.bn254.certificateDigest);
  });

  test('behavior: ECDSA domain separator, preimage and digest', () => {
    const verifier = parseAddress(vector.ecdsa.verifyingContract);
    const major = vector.contractVersion.split('.')[0];
    const domainSeparator = ecdsaDomainSeparator(verifier, major);
    expect(toHex(domainSeparator)).toBe(vector.ecdsa.domainSeparator);
    expect(ecdsaDomainSeparator(verifier)).toEqual(domainSeparator);
    const preimage = ecdsaCertificatePreimage(input.referenceTimestamp, messageHash, domainSeparator);
    expect(toHex(preimage)).toBe(vector.ecdsa.certificateDigestBytes66);
    expect(toHex(keccak256(preimage))).toBe(vector.ecdsa.signedDigest);
  });

  test.each(['bn254', 'ecdsa'] as const)('behavior: auth message over a %s result signature', (curve) => {
    const signed = vector[curve];
    const message = resultAuthMessage({
      taskId,
      avs: parseAddress(input.avsAddress),
      operator: parseAddress(input.operatorAddress),
      operatorSetId: input.operatorSetId,
      resultSignature: fromHex(parseHex(signed.resultSignature)),
    });
    expect(toHex(message)).toBe(signed.authMessage160);
    expect(toHex(keccak256(message))).toBe(signed.authDigest);
  });
});
