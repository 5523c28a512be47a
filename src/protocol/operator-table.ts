/** Operator tables: their leaves and root, and what their bytes are in the tree over all tables. */
import type { Address } from '../base/brands.js';
import { concatBytes } from '../base/bytes.js';
import type { G1Point } from '../crypto/bn254/points.js';
import { keccak256 } from '../crypto/keccak.js';
import { type AbiValue, abiArray, abiEncode, abiTuple, abiUint, abiWord } from './abi-encode.js';
import { type MerkleTree, merkleTree } from './merkle.js';

// Salts of the two kinds of leaves (LeafCalculatorMixin of the EigenLayer contracts).
const OPERATOR_INFO_LEAF_SALT = 0x75;
const OPERATOR_TABLE_LEAF_SALT = 0x8e;

/** A leaf of a BN254 table: the G1 half of the operator's key and its weight per stake type. */
export interface Bn254OperatorInfo {
  readonly pubkey: G1Point;
  readonly weights: readonly bigint[];
}

/** An entry of an ECDSA table: the operator's **signing** address and its weight per stake type. */
export interface EcdsaOperatorInfo {
  readonly signer: Address;
  readonly weights: readonly bigint[];
}

/** `(pubkey(X, Y), weights)`, as certificates and leaves contain it. */
export function abiOperatorInfo(info: Bn254OperatorInfo): AbiValue {
  return abiTuple([abiG1(info.pubkey), abiWeights(info.weights)]);
}

/** A G1 point as the contracts' `(X, Y)`. */
export function abiG1(point: G1Point): AbiValue {
  return abiTuple([abiUint(point.x), abiUint(point.y)]);
}

/** `BN254CertificateVerifier.calculateOperatorInfoLeaf`: keccak256(0x75 ‖ abi.encode(info)). */
export function operatorInfoLeaf(info: Bn254OperatorInfo): Uint8Array {
  return keccak256(Uint8Array.of(OPERATOR_INFO_LEAF_SALT), abiEncode([abiOperatorInfo(info)]));
}

/** The tree of a table whose leaves are in this order; its root is the `operatorInfoTreeRoot`. */
export function operatorTableTree(infos: readonly Bn254OperatorInfo[]): MerkleTree {
  return merkleTree(infos.map(operatorInfoLeaf));
}

/** The `operatorInfoTreeRoot` of a table whose leaves are in this order. */
export function operatorTableRoot(infos: readonly Bn254OperatorInfo[]): Uint8Array {
  return operatorTableTree(infos).root;
}

/** Leaf of the global tree over all operator tables: keccak256(0x8e ‖ table bytes). */
export function globalTableLeaf(tableBytes: Uint8Array): Uint8Array {
  return keccak256(Uint8Array.of(OPERATOR_TABLE_LEAF_SALT), tableBytes);
}

/**
 * `OperatorTableUpdater.getGlobalTableUpdateMessageHash`: what the generator certifies when tables
 * are carried to another chain.
 */
export function globalTableRootMessageHash(
  globalTableRoot: Uint8Array,
  referenceTimestamp: number,
  referenceBlockNumber: number,
): Uint8Array {
  const type =
    'GlobalTableRootCert(bytes32 globalTableRoot,uint32 referenceTimestamp,uint32 referenceBlockNumber)';
  return keccak256(
    concatBytes(
      keccak256(new TextEncoder().encode(type)),
      abiEncode([abiWord(globalTableRoot), abiUint(referenceTimestamp), abiUint(referenceBlockNumber)]),
    ),
  );
}

function abiWeights(weights: readonly bigint[]): AbiValue {
  return abiArray(weights.map((weight) => abiUint(weight)));
}
