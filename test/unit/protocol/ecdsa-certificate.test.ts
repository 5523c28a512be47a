import { describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import { parseAddress } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { recoverEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { assembleEcdsaCertificate, encodeEcdsaCertificate } from '../../../src/protocol/ecdsa-certificate.js';
import {
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  taskMessageHash,
} from '../../../src/protocol/result.js';
import { meetsThreshold, sumWeights, votingWeight } from '../../../src/protocol/threshold.js';
import { ecdsaCertificates, poisonedSubmissions } from '../../support/cert-assembly-vectors.js';

/** The verifier that the recorded signatures were made for (Sepolia's, as the local chains have it). */
const domainSeparator = ecdsaDomainSeparator(parseAddress('0xb3cd1a457dea9a9a6f6406c6419b1c326670a96f'));

describe.each(ecdsaCertificates)('recorded certificate: $name', (task) => {
  const digest = keccak256(
    ecdsaCertificatePreimage(task.referenceTimestamp, task.messageHash, domainSeparator),
  );
  const signatures = task.submissions.map(({ resultSignature }) => ({
    signer: recoverEcdsa(digest, resultSignature),
    signature: resultSignature,
  }));

  test('behavior: message hash and signers are those of the operators', () => {
    expect(toHex(taskMessageHash(task.taskId, task.output))).toBe(toHex(task.messageHash));
    expect(signatures.map(({ signer }) => signer)).toEqual(
      task.submissions.map(({ operatorIndex }) => task.operators[operatorIndex]?.signer),
    );
  });

  test('behavior: sorted by signer whatever the order of arrival, and encoded as the mailbox does', () => {
    for (const inOrder of [signatures, [...signatures].reverse()]) {
      const certificate = assembleEcdsaCertificate({ ...task, signatures: inOrder });
      expect(toHex(certificate.sig)).toBe(task.sig);
      const encoded = toHex(encodeEcdsaCertificate(certificate));
      expect(encoded).toBe(
        AbiCoder.defaultAbiCoder().encode(
          ['tuple(uint32,bytes32,bytes)'],
          [[task.referenceTimestamp, task.messageHash, task.sig]],
        ),
      );
      expect(encoded === task.referenceSubmitted.certBytes).toBe(task.referenceSubmitted.equalsCertificate);
    }
  });

  test('behavior: the step that meets the threshold', () => {
    const total = votingWeight(sumWeights(task.operators.map((operator) => operator.weights)));
    let weight = 0n;
    const met = task.submissions.map(({ operatorIndex }) => {
      weight += votingWeight(task.operators[operatorIndex]?.weights ?? []);
      return meetsThreshold(weight, total, task.thresholdBips);
    });
    expect(met).toEqual(task.submissions.map((submission) => submission.thresholdMetAfter));
  });
});

describe.each(poisonedSubmissions)('recorded poison: $name', (task) => {
  const messageHash = taskMessageHash(task.taskId, task.output);
  const digest = keccak256(ecdsaCertificatePreimage(task.referenceTimestamp, messageHash, domainSeparator));

  test('error: a signature that would make the certificate revert has no signer', () => {
    expect(() => recoverEcdsa(digest, task.poisonedSignature)).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }),
    );
  });

  test('behavior: only the sound submissions get into the certificate', () => {
    const sound = task.submissions.filter(
      ({ resultSignature }) => toHex(resultSignature) !== toHex(task.poisonedSignature),
    );
    expect(sound).toHaveLength(task.submissions.length - 1);
    for (const { operator, resultSignature } of sound) {
      expect(recoverEcdsa(digest, resultSignature)).toBe(operator);
    }
  });
});

describe('assembleEcdsaCertificate', () => {
  const signer = parseAddress('0x1111111111111111111111111111111111111111');
  const signature = new Uint8Array(65);
  const parts = { referenceTimestamp: 1, messageHash: new Uint8Array(32) };

  test.each([
    ['no signature', []],
    [
      'a signer twice',
      [
        { signer, signature },
        { signer, signature },
      ],
    ],
    ['a signature of 64 bytes', [{ signer, signature: signature.subarray(1) }]],
  ])('error: %s', (_name, signatures) => {
    expect(() => assembleEcdsaCertificate({ ...parts, signatures })).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });
});
