import { describe, expect, test } from '@jest/globals';
import { AbiCoder, keccak256 as ethersKeccak, id, toBeHex } from 'ethers';
import { parseAddress } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { abiEncode } from '../../../src/protocol/abi-encode.js';
import {
  abiOperatorInfo,
  type Bn254OperatorInfo,
  globalTableLeaf,
  globalTableRootMessageHash,
  operatorInfoLeaf,
  operatorTableRoot,
  operatorTableTree,
} from '../../../src/protocol/operator-table.js';
import { encodeBn254Table, encodeEcdsaTable, encodeOperatorTableBytes } from '../../support/table-bytes.js';
import { readVectors } from '../../support/vectors.js';

interface Vectors {
  readonly cases: readonly {
    readonly n: number;
    readonly weightDimensions: number;
    readonly root: string;
    readonly operators: readonly {
      readonly index: number;
      readonly pubkeyG1: { readonly x: string; readonly y: string };
      readonly weights: readonly string[];
      readonly leafPreimage: string;
      readonly leafHash: string;
      readonly proof: string;
    }[];
  }[];
}

const { cases } = readVectors<Vectors>('operator-table-merkle');

describe.each(cases)('recorded table of $n operators, $weightDimensions stake types', (vector) => {
  const operators = [...vector.operators].sort((a, b) => a.index - b.index);
  const infos: Bn254OperatorInfo[] = operators.map(({ pubkeyG1, weights }) => ({
    pubkey: { x: BigInt(pubkeyG1.x), y: BigInt(pubkeyG1.y) },
    weights: weights.map(BigInt),
  }));

  test('behavior: preimage and hash of each leaf', () => {
    expect(infos.map((info) => `0x75${toHex(abiEncode([abiOperatorInfo(info)])).slice(2)}`)).toEqual(
      operators.map((operator) => operator.leafPreimage),
    );
    expect(infos.map((info) => toHex(operatorInfoLeaf(info)))).toEqual(
      operators.map((operator) => operator.leafHash),
    );
  });

  test('behavior: root, and the proof of each leaf', () => {
    expect(toHex(operatorTableRoot(infos))).toBe(vector.root);
    const tree = operatorTableTree(infos);
    expect(infos.map((_, index) => toHex(tree.proof(index)))).toEqual(
      operators.map((operator) => operator.proof),
    );
  });
});

describe('table bytes', () => {
  const coder = AbiCoder.defaultAbiCoder();
  const avs = parseAddress('0x1111111111111111111111111111111111111111');
  const owner = parseAddress('0x2222222222222222222222222222222222222222');
  const signer = parseAddress('0x3333333333333333333333333333333333333333');
  const root = keccak256(Uint8Array.of(1));

  test('behavior: a BN254 table is the encoded operator set info', () => {
    const table = encodeBn254Table({
      operatorInfoTreeRoot: root,
      numOperators: 4n,
      aggregatePubkey: { x: 1n, y: 2n },
      totalWeights: [10n, 20n],
    });
    expect(toHex(table)).toBe(
      coder.encode(
        ['tuple(bytes32,uint256,tuple(uint256,uint256),uint256[])'],
        [[root, 4, [1, 2], [10, 20]]],
      ),
    );
  });

  test('behavior: an ECDSA table is the encoded list of signing addresses and weights', () => {
    const table = encodeEcdsaTable([
      { signer, weights: [7n] },
      { signer: owner, weights: [8n] },
    ]);
    expect(toHex(table)).toBe(
      coder.encode(
        ['tuple(address,uint256[])[]'],
        [
          [
            [signer, [7]],
            [owner, [8]],
          ],
        ],
      ),
    );
  });

  test('behavior: operator set, curve, config and table travel together, as a salted leaf', () => {
    const table = encodeEcdsaTable([{ signer, weights: [7n] }]);
    const bytes = encodeOperatorTableBytes({
      operatorSet: { avs, id: 5 },
      curveType: 1,
      config: { owner, maxStalenessPeriodSeconds: 86_400 },
      table,
    });
    const expected = coder.encode(
      ['tuple(address,uint32)', 'uint8', 'tuple(address,uint32)', 'bytes'],
      [[avs, 5], 1, [owner, 86_400], table],
    );
    expect(toHex(bytes)).toBe(expected);
    expect(toHex(globalTableLeaf(bytes))).toBe(ethersKeccak(`0x8e${expected.slice(2)}`));
  });

  test('behavior: the message hash of a global root is that of its encoded certificate type', () => {
    const type = id(
      'GlobalTableRootCert(bytes32 globalTableRoot,uint32 referenceTimestamp,uint32 referenceBlockNumber)',
    );
    expect(toHex(globalTableRootMessageHash(root, 1_760_000_000, 123))).toBe(
      ethersKeccak(
        coder.encode(['bytes32', 'bytes32', 'uint32', 'uint32'], [type, root, 1_760_000_000, 123]),
      ),
    );
  });

  test('default: an empty table has the zero root', () => {
    expect(toHex(operatorTableRoot([]))).toBe(toBeHex(0, 32));
  });
});
