import { describe, expect, test } from '@jest/globals';
import { toHex } from '../../../src/base/bytes.js';
import { assembleBn254Certificate, encodeBn254Certificate } from '../../../src/protocol/bn254-certificate.js';
import {
  operatorInfoLeaf,
  operatorTableRoot,
  operatorTableTree,
} from '../../../src/protocol/operator-table.js';
import { taskMessageHash } from '../../../src/protocol/result.js';
import { meetsThreshold, sumWeights, votingWeight } from '../../../src/protocol/threshold.js';
import { bn254Certificates } from '../../support/cert-assembly-vectors.js';
import { verifyMerkleProof } from '../../support/merkle-proof.js';

describe.each(bn254Certificates)('recorded certificate: $name', (task) => {
  const signers = new Set(task.submissions.map((submission) => submission.operatorIndex));
  const parts = { ...task, signers, tree: operatorTableTree(task.operators) };

  test('behavior: encoded byte for byte as the mailbox encodes it', () => {
    const certificate = assembleBn254Certificate(parts);
    expect(toHex(encodeBn254Certificate(certificate))).toBe(task.certificateAbiEncoded);
  });

  test('behavior: a witness for each operator that did not sign, with its proof', () => {
    const { nonSignerWitnesses } = assembleBn254Certificate(parts);
    const root = operatorTableRoot(task.operators);
    expect(toHex(root)).toBe(task.operatorInfoTreeRoot);
    expect(nonSignerWitnesses.map((witness) => witness.operatorIndex)).toEqual(task.nonSignerIndices);
    expect(nonSignerWitnesses.map((witness) => toHex(witness.operatorInfoProof))).toEqual(task.witnessProofs);
    for (const { operatorIndex, operatorInfo, operatorInfoProof } of nonSignerWitnesses) {
      const leaf = operatorInfoLeaf(operatorInfo);
      expect(verifyMerkleProof(leaf, operatorIndex, operatorInfoProof, root)).toBe(true);
    }
  });

  test('behavior: the message hash, the total weights and the step that meets the threshold', () => {
    expect(toHex(taskMessageHash(task.taskId, task.output))).toBe(toHex(task.messageHash));
    const totals = sumWeights(task.operators.map((operator) => operator.weights));
    expect(totals).toEqual(task.totalWeights);
    let weight = 0n;
    const met = task.submissions.map(({ operatorIndex }) => {
      weight += votingWeight(task.operators[operatorIndex]?.weights ?? []);
      return meetsThreshold(weight, votingWeight(totals), task.thresholdBips);
    });
    expect(met).toEqual(task.submissions.map((submission) => submission.thresholdMetAfter));
  });
});

describe('assembleBn254Certificate', () => {
  const [task] = bn254Certificates;
  if (task === undefined) throw new Error('no recorded certificate');

  test.each([
    ['no signer at all', []],
    ['a signer outside the table', [0, 99]],
  ])('error: %s', (_name, indexes) => {
    const tree = operatorTableTree(task.operators);
    expect(() => assembleBn254Certificate({ ...task, tree, signers: new Set(indexes) })).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });
});
