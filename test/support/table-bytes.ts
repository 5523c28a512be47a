/** Operator tables as the bytes in which they travel between chains: the calculators and the registry write them. */
import type { Address, OperatorSet } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import type { G1Point } from '../../src/crypto/bn254/points.js';
import {
  type AbiValue,
  abiArray,
  abiBytes,
  abiEncode,
  abiTuple,
  abiUint,
  abiWord,
} from '../../src/protocol/abi-encode.js';
import { abiG1, type EcdsaOperatorInfo } from '../../src/protocol/operator-table.js';

/** What a verifier keeps of a BN254 table. */
interface Bn254OperatorSetInfo {
  readonly operatorInfoTreeRoot: Uint8Array;
  readonly numOperators: bigint;
  readonly aggregatePubkey: G1Point;
  readonly totalWeights: readonly bigint[];
}

/** Who may change an operator set's table, and how long it stays usable (0 = for ever). */
interface OperatorSetConfig {
  readonly owner: Address;
  readonly maxStalenessPeriodSeconds: number;
}

/** `abi.encode(BN254OperatorSetInfo)`. */
export function encodeBn254Table(info: Bn254OperatorSetInfo): Uint8Array {
  return abiEncode([
    abiTuple([
      abiWord(info.operatorInfoTreeRoot),
      abiUint(info.numOperators),
      abiG1(info.aggregatePubkey),
      abiWeights(info.totalWeights),
    ]),
  ]);
}

/** `abi.encode(ECDSAOperatorInfo[])`. */
export function encodeEcdsaTable(infos: readonly EcdsaOperatorInfo[]): Uint8Array {
  return abiEncode([
    abiArray(infos.map((info) => abiTuple([abiWord(fromHex(info.signer)), abiWeights(info.weights)]))),
  ]);
}

interface OperatorTable {
  readonly operatorSet: OperatorSet;
  /** 1 ECDSA, 2 BN254. */
  readonly curveType: number;
  readonly config: OperatorSetConfig;
  /** From `encodeBn254Table` or `encodeEcdsaTable`. */
  readonly table: Uint8Array;
}

/** `CrossChainRegistry.calculateOperatorTableBytes`: the set, its curve and config, and its table. */
export function encodeOperatorTableBytes(table: OperatorTable): Uint8Array {
  return abiEncode([
    abiTuple([abiWord(fromHex(table.operatorSet.avs)), abiUint(table.operatorSet.id)]),
    abiUint(table.curveType),
    abiTuple([abiWord(fromHex(table.config.owner)), abiUint(table.config.maxStalenessPeriodSeconds)]),
    abiBytes(table.table),
  ]);
}

function abiWeights(weights: readonly bigint[]): AbiValue {
  return abiArray(weights.map((weight) => abiUint(weight)));
}
