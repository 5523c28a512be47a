/** Why nodes do not take a transaction into their pools. They agree on no codes, so their sentences are read. */
import { type Facts, isPonosError, PonosError } from '../base/error.js';

export type RejectionReason =
  | 'nonce-too-low'
  | 'nonce-too-high'
  | 'already-known'
  | 'replacement-underpriced'
  | 'insufficient-funds'
  | 'fee-too-low'
  /** The endpoint's own limit for what a transaction may cost. */
  | 'endpoint-fee-cap'
  /** Below what the call data alone costs, or above what a block holds. */
  | 'gas-limit'
  | 'pool-full'
  | 'type-unsupported';

/**
 * Sentences of geth (and op-geth, which adds its L1 fee to the same ones), erigon, nethermind (old and new),
 * besu, reth and anvil. The first that matches decides.
 */
const REJECTIONS: readonly (readonly [RegExp, RejectionReason])[] = [
  [/nonce (is )?too low|nonce_too_low|old ?nonce/i, 'nonce-too-low'],
  [/nonce (is )?too (high|distant)|nonce ?gap|nonce too far in (the )?future/i, 'nonce-too-high'],
  [
    /already known|already imported|known transaction|alreadyknown|existing txn? with same hash/i,
    'already-known',
  ],
  [
    /replacement transaction|replacement ?not ?allowed|transaction replacement|could not replace existing tx|to replace existing transaction|tries to replace pending/i,
    'replacement-underpriced',
  ],
  [/insufficient ?funds|insufficient balance|upfront cost exceeds|lack of funds/i, 'insufficient-funds'],
  [/exceeds the configured cap|fee cap exceeded/i, 'endpoint-fee-cap'],
  [/underpriced|fee ?too ?low|max fee per gas less than|fee cap less than|gas price below/i, 'fee-too-low'],
  [
    /intrinsic ?gas|exceeds block gas limit|greater than the block gas limit|gas limit (is too high|reached|exceeds)|gaslimitexceeded/i,
    'gas-limit',
  ],
  [/(tx|transaction) ?pool is full|sub-pool is full/i, 'pool-full'],
  [
    /transaction type not supported|type is not activated|(EIP-1559|unsupported transaction type).*/i,
    'type-unsupported',
  ],
];

/** The reason in a node's sentence; undefined when it is about something else. Pure. */
export function rejectionIn(message: string): RejectionReason | undefined {
  return REJECTIONS.find(([pattern]) => pattern.test(message))?.[1];
}

const ADVICE: Partial<Record<RejectionReason, string>> = {
  'endpoint-fee-cap':
    'Set tasks.submission.maxFeeGwei below the cap of the endpoint, or raise that (geth: --rpc.txfeecap).',
  'type-unsupported': 'Use a chain and an endpoint that take EIP-1559 transactions.',
};

/** @param facts what identifies the case: the method, the endpoint, the node's own sentence */
export function rejectedError(reason: RejectionReason, facts: Facts): PonosError {
  if (reason === 'insufficient-funds') {
    return new PonosError('FUNDS_INSUFFICIENT', {
      message: 'the account cannot pay for the transaction',
      facts,
      advice: 'Send native currency to the account of operatorPrivateKey on this chain.',
    });
  }
  const advice = ADVICE[reason];
  return new PonosError('TRANSACTION_REJECTED', {
    message: 'the node did not accept a transaction',
    facts: { reason, ...facts },
    ...(advice !== undefined && { advice }),
  });
}

/** Whether a node refused a transaction since another one has its nonce. */
export function isNonceTaken(error: unknown): boolean {
  return isRejected(error, 'nonce-too-low') || isRejected(error, 'replacement-underpriced');
}

/** Whether a node refused a transaction since it does not have all those before it. */
export function isNonceAhead(error: unknown): boolean {
  return isRejected(error, 'nonce-too-high');
}

function isRejected(error: unknown, reason: RejectionReason): boolean {
  return isPonosError(error, 'TRANSACTION_REJECTED') && error.facts.reason === reason;
}
