/** Why the run of a task is aborted when its block is no longer on the chain. */
import { isPonosError, PonosError } from '../base/error.js';
import { REORGED } from '../store/aggregator-records.js';

export function reorgedError(): PonosError {
  return new PonosError('ABORTED', { message: REORGED });
}

/** Tells a reorg from a shutdown, which aborts runs too. */
export function isReorged(reason: unknown): boolean {
  return isPonosError(reason, 'ABORTED') && reason.message === REORGED;
}
