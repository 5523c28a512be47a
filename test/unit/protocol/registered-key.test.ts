import { describe, expect, test } from '@jest/globals';
import { parseAddress, parseTaskId } from '../../../src/base/brands.js';
import { loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { G1_GENERATOR } from '../../../src/crypto/bn254/points.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { equalKeys, type RegisteredKey, verifiesWith } from '../../../src/protocol/registered-key.js';
import { submissionMessage } from '../../../src/protocol/submission.js';
import { RECORDED_SUBMISSIONS } from '../../support/submissions.js';
import { hexBytes } from '../../support/vector-bytes.js';

const bn254 = await loadBn254();

const cases = RECORDED_SUBMISSIONS.map(({ input, bn254: bls, ecdsa }) => ({
  digest: keccak256(
    submissionMessage({
      taskId: parseTaskId(input.taskId),
      avs: parseAddress(input.avsAddress),
      executor: parseAddress(input.executorAddress),
      operatorSetId: Number(input.operatorSetId),
      referenceTimestamp: Number(input.referenceTimestamp),
      taskBlockNumber: BigInt(input.taskBlockNumber),
      payload: hexBytes(input.payload),
    }),
  ),
  bn254: {
    key: {
      curve: 'bn254',
      publicKey: { g1: G1_GENERATOR, g2: bn254.parsePublicKey(hexBytes(bls.publicKeyBytes)) },
    } satisfies RegisteredKey,
    signature: hexBytes(bls.signature),
  },
  ecdsa: {
    key: { curve: 'ecdsa', address: parseAddress(ecdsa.address) } satisfies RegisteredKey,
    signature: hexBytes(ecdsa.signature),
  },
}));

describe.each(['bn254', 'ecdsa'] as const)('verifiesWith, %s', (curve) => {
  test('default: every recorded submission of a Go aggregator verifies with its key', () => {
    expect(cases.length).toBeGreaterThan(3);
    for (const recorded of cases) {
      const { key, signature } = recorded[curve];
      expect(verifiesWith(key, recorded.digest, signature, bn254)).toBe(true);
    }
  });

  test('error: another digest, another key, and cut, long or empty signatures do not', () => {
    const [recorded] = cases;
    if (!recorded) throw new Error('no recorded submissions');
    const { key, signature } = recorded[curve];
    const other = { bn254: cases[0]?.ecdsa, ecdsa: cases[0]?.bn254 }[curve];
    expect(verifiesWith(key, keccak256(recorded.digest), signature, bn254)).toBe(false);
    expect(verifiesWith(other?.key ?? key, recorded.digest, signature, bn254)).toBe(false);
    for (const bytes of [
      signature.subarray(1),
      Uint8Array.of(...signature, 0),
      new Uint8Array(),
      new Uint8Array(64),
    ]) {
      expect(verifiesWith(key, recorded.digest, bytes, bn254)).toBe(false);
    }
  });

  test('behavior: keys are equal to themselves and not to those of another curve', () => {
    const [recorded] = cases;
    if (!recorded) throw new Error('no recorded submissions');
    expect(equalKeys(recorded[curve].key, recorded[curve].key)).toBe(true);
    expect(equalKeys(recorded.bn254.key, recorded.ecdsa.key)).toBe(false);
  });
});
