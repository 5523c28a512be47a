/**
 * The operator table that judges a task's certificate: who is in it, at which index, with which weights and
 * keys. Read as of the task's reference timestamp, and proven equal to what the verifier holds.
 */
import { type Address, type BlockNumber, type OperatorSet, operatorSetKey } from '../base/brands.js';
import { equalBytes, fromHex } from '../base/bytes.js';
import { isPonosError, PonosError } from '../base/error.js';
import { equalG1, type G1Point, type G2Point } from '../crypto/bn254/points.js';
import type { CurveName } from '../crypto/curve.js';
import type { MerkleTree } from '../protocol/merkle.js';
import { operatorTableTree } from '../protocol/operator-table.js';
import { alignTable } from '../protocol/table-alignment.js';
import { sumWeights } from '../protocol/threshold.js';
import type { Caller } from './contract.js';
import { createBn254CertificateVerifier } from './contracts/bn254-certificate-verifier.js';
import { createCrossChainRegistry } from './contracts/cross-chain-registry.js';
import { createEcdsaCertificateVerifier } from './contracts/ecdsa-certificate-verifier.js';
import { createKeyRegistrar } from './contracts/key-registrar.js';
import { createBn254TableCalculator } from './contracts/table-calculator.js';

/** The contracts from which a table is put together. */
export interface OperatorTableAddresses {
  /** On L1. */
  readonly crossChainRegistry: Address;
  /** On L1. */
  readonly keyRegistrar: Address;
  /** On the task's chain. */
  readonly bn254CertificateVerifier: Address;
  /** On the task's chain. */
  readonly ecdsaCertificateVerifier: Address;
}

export interface OperatorTableRequest {
  readonly l1: Caller;
  readonly taskChain: Caller;
  readonly addresses: OperatorTableAddresses;
  readonly operatorSet: OperatorSet;
  readonly referenceTimestamp: number;
  /** The L1 block that the reference timestamp stands for; `OperatorTables` finds it. */
  readonly l1Block: BlockNumber;
}

interface Member {
  readonly operator: Address;
  /** Position among the table's leaves (BN254) or entries (ECDSA). */
  readonly index: number;
  /** One per stake type. */
  readonly weights: readonly bigint[];
}

export interface Bn254Member extends Member {
  readonly key: { readonly g1: G1Point; readonly g2: G2Point };
}

export interface EcdsaMember extends Member {
  /** The signing address, which need not be the operator's. */
  readonly key: Address;
}

interface Table<Curve extends CurveName, TableMember extends Member> {
  readonly curve: Curve;
  readonly operatorSet: OperatorSet;
  readonly referenceTimestamp: number;
  readonly l1Block: BlockNumber;
  /** Ordered by index, without gaps. */
  readonly members: readonly TableMember[];
  /** Over all members, one per stake type. */
  readonly totalWeights: readonly bigint[];
}

export interface Bn254OperatorTable extends Table<'bn254', Bn254Member> {
  /** Over the members' leaves; the verifier holds its root. */
  readonly tree: MerkleTree;
}
export type EcdsaOperatorTable = Table<'ecdsa', EcdsaMember>;
export type OperatorTable = Bn254OperatorTable | EcdsaOperatorTable;

/** Why a table is no use for a task; the fact `reason` of TASK_REFUSED. */
export type TableProblem =
  | 'chain-unsupported'
  | 'table-missing'
  | 'root-disabled'
  | 'table-stale'
  | 'calculator-missing'
  | 'table-mismatch'
  | 'key-missing';

/** TASK_REFUSED for a table that cannot be used. */
export function tableRefused(
  reason: TableProblem,
  message: string,
  of: Pick<OperatorTableRequest, 'operatorSet' | 'referenceTimestamp'>,
): PonosError {
  const facts = {
    reason,
    operatorSet: operatorSetKey(of.operatorSet),
    referenceTimestamp: of.referenceTimestamp,
  };
  return new PonosError('TASK_REFUSED', { message, facts });
}

/**
 * A BN254 table: the calculator's leaves at the table's L1 block, with both halves of each key.
 * @throws PonosError TASK_REFUSED (see TableProblem), and the client's
 */
export async function readBn254Table(request: OperatorTableRequest): Promise<Bn254OperatorTable> {
  const { l1, taskChain, addresses, operatorSet, referenceTimestamp, l1Block } = request;
  const registry = createCrossChainRegistry(l1, addresses.crossChainRegistry);
  const verifier = createBn254CertificateVerifier(taskChain, addresses.bn254CertificateVerifier);
  const [calculatorAddress, held] = await Promise.all([
    registry.getOperatorTableCalculator(operatorSet, l1Block),
    verifier.getOperatorSetInfo(operatorSet, referenceTimestamp, 'latest').catch(asMissingTable(request)),
  ]);
  if (held.numOperators === 0) throw missingTable(request);
  if (/^0x0+$/.test(calculatorAddress)) {
    throw tableRefused('calculator-missing', 'the operator set has no table calculator', request);
  }
  const calculator = createBn254TableCalculator(l1, calculatorAddress);
  const [weights, infos] = await Promise.all([
    calculator.getOperatorSetWeights(operatorSet, l1Block),
    calculator.getOperatorInfos(operatorSet, l1Block),
  ]);
  const leaves = alignTable(weights, infos);
  const tree = operatorTableTree(leaves);
  if (!equalBytes(tree.root, fromHex(held.operatorInfoTreeRoot))) {
    throw tableRefused('table-mismatch', 'the table read from L1 is not the one the verifier holds', request);
  }
  const keyRegistrar = createKeyRegistrar(l1, addresses.keyRegistrar);
  const members = await Promise.all(
    leaves.map(async ({ operator, index, weights, pubkey }): Promise<Bn254Member> => {
      const key = await keyRegistrar.getBn254Key(operatorSet, operator, l1Block);
      if (!equalG1(key.g1, pubkey)) {
        throw tableRefused('table-mismatch', `the table has another key for operator ${operator}`, request);
      }
      return { operator, index, weights, key };
    }),
  );
  const { totalWeights } = held;
  return { curve: 'bn254', operatorSet, referenceTimestamp, l1Block, members, totalWeights, tree };
}

/**
 * An ECDSA table: the entries that the verifier itself holds, each with the operator behind the signing address.
 * @throws PonosError TASK_REFUSED (see TableProblem), and the client's
 */
export async function readEcdsaTable(request: OperatorTableRequest): Promise<EcdsaOperatorTable> {
  const { l1, taskChain, addresses, operatorSet, referenceTimestamp, l1Block } = request;
  const verifier = createEcdsaCertificateVerifier(taskChain, addresses.ecdsaCertificateVerifier);
  const infos = await verifier
    .getOperatorInfos(operatorSet, referenceTimestamp, 'latest')
    .catch(asMissingTable(request));
  if (infos.length === 0) throw missingTable(request);
  const keyRegistrar = createKeyRegistrar(l1, addresses.keyRegistrar);
  const members = await Promise.all(
    infos.map(async ({ signer, weights }, index): Promise<EcdsaMember> => {
      const { operator } = await keyRegistrar.getOperatorFromEcdsaSigner(operatorSet, signer, l1Block);
      if (/^0x0+$/.test(operator)) {
        throw tableRefused(
          'key-missing',
          `no operator is registered with the signing key ${signer}`,
          request,
        );
      }
      return { operator, index, weights, key: signer };
    }),
  );
  const totalWeights = sumWeights(members.map(({ weights }) => weights));
  return { curve: 'ecdsa', operatorSet, referenceTimestamp, l1Block, members, totalWeights };
}

/** A table that was never carried there and one without operators look alike to a reader. */
function missingTable(request: OperatorTableRequest): PonosError {
  return tableRefused(
    'table-missing',
    `the task's operator table on chain ${request.taskChain.name} is missing, or nobody with stake and a key is in it`,
    request,
  );
}

/** Verifiers of some versions revert for an unknown timestamp, others return an empty table. */
function asMissingTable(request: OperatorTableRequest): (error: unknown) => never {
  return (error) => {
    if (isPonosError(error, 'CONTRACT_REVERTED')) throw missingTable(request);
    throw error;
  };
}
