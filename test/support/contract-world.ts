/** The devnet's core contracts at their known addresses, and tables brought by the generator. */
import { toHex } from '../../src/base/bytes.js';
import { knownAddresses } from '../../src/config/known-chains.js';
import type { Bn254 } from '../../src/crypto/bn254/bn254.js';
import { type G1Point, g1ToWords, g2ToWords } from '../../src/crypto/bn254/points.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { merkleTree } from '../../src/protocol/merkle.js';
import {
  globalTableLeaf,
  globalTableRootMessageHash,
  operatorTableRoot,
} from '../../src/protocol/operator-table.js';
import { bn254CertificatePreimage } from '../../src/protocol/result.js';
import type { ContractChain, Placed } from './contract-chain.js';

export const OWNER = '0x00000000000000000000000000000000000000aa';
export const TABLE_UPDATER = '0x00000000000000000000000000000000000000bb';
export const ACCEPTING_HOOK = '0x00000000000000000000000000000000000000cc';
export const ADJUSTABLE_HOOK = '0x00000000000000000000000000000000000000cd';
const GENERATOR_AVS = '0x00000000000000000000000000000000000000dd';
const GENERATOR_SECRET = 12_345_678_901_234_567_890n;
const GENERATOR_TIMESTAMP = 1;

export interface TaskContracts {
  readonly mailbox: Placed;
  readonly bn254Verifier: Placed;
  readonly ecdsaVerifier: Placed;
  readonly updater: Placed;
}

/** Places what every chain with tasks has. */
export async function placeTaskContracts(chain: ContractChain, bn254: Bn254): Promise<TaskContracts> {
  const { taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier } = addresses();
  const mailbox = await chain.place('TaskMailbox', taskMailbox);
  const bn254Verifier = await chain.place('BN254CertificateVerifier', bn254CertificateVerifier);
  const ecdsaVerifier = await chain.place('ECDSACertificateVerifier', ecdsaCertificateVerifier);
  const updater = await chain.place('OperatorTableUpdater', TABLE_UPDATER);
  await chain.place('AcceptingTaskHook', ACCEPTING_HOOK);
  await chain.place('AdjustableTaskHook', ADJUSTABLE_HOOK);
  const verifiers = [bn254Verifier.address, ecdsaVerifier.address];
  await chain.send(OWNER, bn254Verifier, 'initialize', [updater.address]);
  await chain.send(OWNER, ecdsaVerifier, 'initialize', [updater.address]);
  await chain.send(OWNER, mailbox, 'initialize', [OWNER, ...verifiers, 1_000, OWNER]);
  const { g1 } = bn254.derivePublicKey(GENERATOR_SECRET);
  const root = operatorTableRoot([{ pubkey: g1, weights: [1n] }]);
  const generator = [toHex(root), 1, g1ToWords(g1), [1]];
  await chain.send(OWNER, updater, 'initialize', [
    OWNER,
    ...verifiers,
    [GENERATOR_AVS, 0],
    10_000,
    generator,
  ]);
  return { mailbox, bn254Verifier, ecdsaVerifier, updater };
}

/** Addresses of the core contracts on the local L1. */
export function addresses() {
  const { taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier, ...others } = knownAddresses(
    31337,
    {},
  );
  const { keyRegistrar, allocationManager, delegationManager, crossChainRegistry } = others;
  const { bn254TableCalculator, ecdsaTableCalculator, releaseManager } = others;
  return {
    taskMailbox: known(taskMailbox),
    bn254CertificateVerifier: known(bn254CertificateVerifier),
    ecdsaCertificateVerifier: known(ecdsaCertificateVerifier),
    keyRegistrar: known(keyRegistrar),
    allocationManager: known(allocationManager),
    delegationManager: known(delegationManager),
    crossChainRegistry: known(crossChainRegistry),
    bn254TableCalculator: known(bn254TableCalculator),
    ecdsaTableCalculator: known(ecdsaTableCalculator),
    releaseManager: known(releaseManager),
  };
}

function known(address: string | undefined): string {
  if (address === undefined) throw new Error('a core contract has no known address');
  return address;
}

/** The generator's certificate over a global root, as ABI values. */
export function certifyRoot(
  bn254: Bn254,
  root: Uint8Array,
  timestamp: number,
  blockNumber: number,
): readonly unknown[] {
  const messageHash = globalTableRootMessageHash(root, timestamp, blockNumber);
  const digest = keccak256(bn254CertificatePreimage(GENERATOR_TIMESTAMP, messageHash));
  const signature = bn254.parseSignature(bn254.sign(GENERATOR_SECRET, digest, 'solidity'));
  const { X, Y } = g2ToWords(bn254.derivePublicKey(GENERATOR_SECRET).g2);
  return [GENERATOR_TIMESTAMP, toHex(messageHash), g1ToWords(signature), [X, Y], []];
}

/** Confirms a root over these tables at the given L1 time and block, and stores each of them. */
export async function transport(
  chain: ContractChain,
  updater: Placed,
  bn254: Bn254,
  tables: readonly Uint8Array[],
  at: { readonly timestampSeconds: number; readonly blockNumber: number },
): Promise<Uint8Array> {
  const { timestampSeconds, blockNumber } = at;
  const tree = merkleTree(tables.map(globalTableLeaf));
  const root = toHex(tree.root);
  await chain.send(
    OWNER,
    updater,
    'confirmGlobalTableRoot',
    [certifyRoot(bn254, tree.root, timestampSeconds, blockNumber), root, timestampSeconds, blockNumber],
    Math.max(timestampSeconds, chain.nowSeconds + 1),
  );
  for (const [index, table] of tables.entries()) {
    const proof = toHex(tree.proof(index));
    await chain.send(OWNER, updater, 'updateOperatorTable', [
      timestampSeconds,
      root,
      index,
      proof,
      toHex(table),
    ]);
  }
  return tree.root;
}

/** ABI values of an operator's leaf content. */
export function operatorInfo(info: { readonly pubkey: G1Point; readonly weights: readonly bigint[] }) {
  return [g1ToWords(info.pubkey), info.weights] as const;
}
