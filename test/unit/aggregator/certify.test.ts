import { beforeAll, describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import { certify } from '../../../src/aggregator/certify.js';
import { Collector } from '../../../src/aggregator/collect.js';
import type { TaskPlan } from '../../../src/aggregator/task-plan.js';
import type { Hash32 } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import { type Bn254, loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { recoverEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { operatorInfoLeaf, operatorTableRoot } from '../../../src/protocol/operator-table.js';
import { bn254CertificatePreimage, ecdsaCertificatePreimage } from '../../../src/protocol/result.js';
import { verifyMerkleProof } from '../../support/merkle-proof.js';
import { answerStore, DOMAIN, honestResult, operatorOf, taskPlan } from './world.js';

let bn254: Bn254;
beforeAll(async () => {
  bn254 = await loadBn254();
});

/** The certificate after these operators gave these outputs, the first of which wins. */
async function certified(plan: TaskPlan, outputs: Readonly<Record<number, string>>) {
  const collector = new Collector({
    plan,
    nonePolicy: 'all',
    verify: async () => undefined,
    answers: answerStore(),
  });
  for (const [index, output] of Object.entries(outputs)) {
    await collector.accept(operatorOf(plan, Number(index)), honestResult(bn254, plan, Number(index), output));
  }
  const [group] = collector.tally(0, true).groups;
  const output = group && (await collector.output(group.messageHash));
  if (group === undefined || output === undefined) throw new Error('no answer counts');
  return { group, ...certify(plan, group, collector.counted, output, bn254) };
}

const BN254_CERTIFICATE =
  '(uint32 referenceTimestamp, bytes32 messageHash, uint256[2] signature, uint256[2][2] apk, (uint32 operatorIndex, bytes operatorInfoProof, (uint256[2] pubkey, uint256[] weights) operatorInfo)[] witnesses)';
const ECDSA_CERTIFICATE = '(uint32 referenceTimestamp, bytes32 messageHash, bytes sig)';
const decode = (type: string, bytes: Uint8Array) => AbiCoder.defaultAbiCoder().decode([type], bytes)[0];

describe('certify', () => {
  test('default: a BN254 certificate verifies, with a proof for everyone who did not sign it', async () => {
    const plan = taskPlan(bn254, 'bn254', [5n, 4n, 3n, 2n, 1n]);
    const { certificate, signers, nonSigners, group, output } = await certified(plan, {
      0: '0x31',
      1: '0x31',
      3: 'another',
      4: '0x31',
    });
    const cert = decode(BN254_CERTIFICATE, certificate);
    expect(cert.referenceTimestamp).toBe(900n);
    expect(cert.messageHash).toBe(group.messageHash);
    expect(new TextDecoder().decode(output)).toBe('0x31');

    const digest = keccak256(bn254CertificatePreimage(900, fromHex(group.messageHash)));
    const keys = [0, 1, 4].flatMap((index) => {
      const { key } = operatorOf(plan, index);
      return key.curve === 'bn254' ? [key.publicKey.g2] : [];
    });
    const signature = { x: cert.signature[0], y: cert.signature[1] };
    expect(bn254.verifyAggregate(keys, digest, 'solidity', signature)).toBe(true);
    const [[x1, x0], [y1, y0]] = cert.apk;
    expect({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } }).toEqual(bn254.addG2(keys));

    const infos = plan.operators.map(({ key, weights }) => {
      if (key.curve !== 'bn254') throw new Error('unreachable');
      return { pubkey: key.publicKey.g1, weights };
    });
    const root = operatorTableRoot(infos);
    expect(cert.witnesses.map((witness: { operatorIndex: bigint }) => Number(witness.operatorIndex))).toEqual(
      [2, 3],
    );
    for (const witness of cert.witnesses) {
      const index = Number(witness.operatorIndex);
      const info = infos[index];
      expect(witness.operatorInfo.pubkey).toEqual([info?.pubkey.x, info?.pubkey.y]);
      const proof = fromHex(witness.operatorInfoProof);
      expect(info && verifyMerkleProof(operatorInfoLeaf(info), index, proof, root)).toBe(true);
    }
    expect(signers).toEqual([0, 1, 4].map((index) => operatorOf(plan, index).operator));
    expect(nonSigners).toEqual([2, 3].map((index) => operatorOf(plan, index).operator));
  });

  test('default: an ECDSA certificate holds the signatures in ascending order of their signers', async () => {
    const plan = taskPlan(bn254, 'ecdsa', [1n, 1n, 1n, 1n, 1n]);
    const { certificate, group, nonSigners } = await certified(plan, { 4: 'x', 2: 'x', 0: 'x', 1: 'y' });
    const cert = decode(ECDSA_CERTIFICATE, certificate);
    expect([cert.referenceTimestamp, cert.messageHash]).toEqual([900n, group.messageHash]);
    const signatures = fromHex(cert.sig);
    expect(signatures).toHaveLength(3 * 65);
    const digest = keccak256(ecdsaCertificatePreimage(900, fromHex(group.messageHash), DOMAIN));
    const recovered = [0, 1, 2].map((n) => recoverEcdsa(digest, signatures.subarray(n * 65, (n + 1) * 65)));
    expect(recovered).toEqual([...recovered].sort());
    const expected = [0, 2, 4].map((index) => {
      const { key } = operatorOf(plan, index);
      return key.curve === 'ecdsa' ? key.signer : undefined;
    });
    expect(new Set(recovered)).toEqual(new Set(expected));
    expect(nonSigners).toEqual([1, 3].map((index) => operatorOf(plan, index).operator));
  });

  test('behavior: who answers after the group has won signs too, and its weight is told', async () => {
    const plan = taskPlan(bn254, 'ecdsa', [5n, 4n, 3n]);
    const collector = new Collector({
      plan,
      nonePolicy: 'all',
      verify: async () => undefined,
      answers: answerStore(),
    });
    const answer = (index: number) =>
      collector.accept(operatorOf(plan, index), honestResult(bn254, plan, index, 'x'));
    await answer(0);
    await answer(1);
    const [group] = collector.tally(0, true).groups;
    await answer(2);
    if (group === undefined) throw new Error('no answer counts');
    const { signers, weight } = certify(plan, group, collector.counted, new Uint8Array(), bn254);
    expect({ signers: signers.length, won: group.weight, weight }).toEqual({
      signers: 3,
      won: 9n,
      weight: 12n,
    });
  });

  test('error: a BN254 plan without the tree of its table cannot be certified', async () => {
    const { leafTree: _, ...plan } = taskPlan(bn254, 'bn254', [1n]);
    await expect(certified(plan, { 0: 'x' })).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('error: a group that nobody signed cannot be certified', () => {
    const plan = taskPlan(bn254, 'bn254', [1n]);
    const messageHash = toHex<Hash32>(keccak256(new Uint8Array()));
    const group = { messageHash, operatorIndexes: [], weight: 0n };
    expect(() => certify(plan, group, new Map(), new Uint8Array(), bn254)).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });
});
