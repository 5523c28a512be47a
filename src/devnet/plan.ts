/** Who and what a fresh devnet has: the cast, their stake, the rules of their operator sets. */
import { parseAddress } from '../base/brands.js';
import type { CurveName } from '../crypto/curve.js';

/** The phrase of every Ethereum development tool: its keys are public and worth nothing. */
export const DEVNET_MNEMONIC = 'test test test test test test test test test test test junk';

export const L1_CHAIN_ID = 31337;
export const L2_CHAIN_ID = 31338;

/** Where the AVS's own registrar and its task hook are placed; the core contracts have known addresses. */
export const AVS_REGISTRAR_ADDRESS = parseAddress('0x00000000000000000000000000000000a5000001');
export const TASK_HOOK_ADDRESS = parseAddress('0x00000000000000000000000000000000a5000002');
export const TABLE_UPDATER_ADDRESS = parseAddress('0x00000000000000000000000000000000a5000003');

/** Operator sets of the AVS. */
export const AGGREGATOR_SET_ID = 0;
export const EXECUTOR_SETS: readonly ExecutorSet[] = [
  { id: 1, curve: 'bn254', thresholdBips: 6_000 },
  { id: 2, curve: 'ecdsa', thresholdBips: 6_000 },
];

export interface ExecutorSet {
  readonly id: number;
  readonly curve: CurveName;
  /** Share of the whole table's stake that must agree, in bips. */
  readonly thresholdBips: number;
}

/** Seconds a task of the devnet may take. */
export const TASK_SLA_SECONDS = 60;
/** Seconds after which a transported table is too old to create tasks on. */
export const TABLE_STALENESS_SECONDS = 14 * 24 * 3600;

const ETHER = 10n ** 18n;

/**
 * Stake of executor `index` (from 0) in an operator set: unequal on purpose, and in another order
 * per set, so that no position and no head count can stand in for weight.
 */
export function stakeOf(index: number, setId: number, executors: number): bigint {
  const rank = setId % 2 === 1 ? executors - index : index + 1;
  return (10n + 5n * BigInt(rank)) * ETHER;
}
