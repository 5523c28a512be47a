/** What a task's operator set asks of a result before it may be submitted. */
import { toBigInt } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { ConsensusType } from './enums.js';

/**
 * `none`: the contract only verifies the certificate, and the AVS's hook judges it.
 * `threshold`: signers need `bips` (0 … 10000) of the whole table's stake weight.
 */
export type Consensus = { readonly kind: 'none' } | { readonly kind: 'threshold'; readonly bips: number };

/**
 * Decodes `consensus(consensusType, value)` of a task config: NONE carries no value, the threshold
 * one `abi.encode(uint16)`.
 * @throws PonosError TASK_REFUSED for a type or value that the mailbox does not accept either
 */
export function decodeConsensus(consensusType: number, value: Uint8Array): Consensus {
  if (consensusType === ConsensusType.none) return { kind: 'none' };
  if (consensusType !== ConsensusType.stakeProportionThreshold) {
    throw new PonosError('TASK_REFUSED', {
      message: 'the task has an unknown consensus type',
      facts: { consensusType },
    });
  }
  const bips = value.length === 32 ? toBigInt(value) : undefined;
  if (bips === undefined || bips > 10_000n) {
    throw new PonosError('TASK_REFUSED', {
      message: 'the threshold of the task is not one word of at most 10000 bips',
      facts: { bytes: value.length, bips },
    });
  }
  return { kind: 'threshold', bips: Number(bips) };
}

/**
 * Why no certificate over this table can ever pass under this consensus, or undefined if one can.
 * Known before any executor is asked.
 * @param totalWeights weight of all operators of the table, per stake type
 */
export function consensusRefusal(consensus: Consensus, totalWeights: readonly bigint[]): string | undefined {
  if (!totalWeights.some((total) => total > 0n)) {
    return 'the operator table holds no stake weight';
  }
  // The mailbox passes a single threshold; the verifier wants one per stake type (ArrayLengthMismatch).
  if (consensus.kind === 'threshold' && totalWeights.length > 1) {
    return `the operator table has ${totalWeights.length} stake types, but the mailbox checks a threshold of one only`;
  }
  return undefined;
}
