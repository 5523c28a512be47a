/** What a failed request says about the endpoint that was asked; pure. */
import { isPonosError } from '../base/error.js';

/**
 * `answer`: the request itself fails, everywhere. `elsewhere`: another endpoint may know more, this one is as good as
 * before. `odd`: it may be the request or the endpoint. `limited`: it wants to be asked less. `broken`: it does not do
 * its work. `wrong-chain`: nothing that it says is of use.
 */
export type FailureMeaning = 'answer' | 'elsewhere' | 'odd' | 'limited' | 'broken' | 'wrong-chain';

export function judgeFailure(error: unknown): FailureMeaning {
  if (!isPonosError(error)) return 'answer';
  switch (error.code) {
    case 'CHAIN_MISMATCH':
      return 'wrong-chain';
    case 'CHAIN_RATE_LIMITED':
      return 'limited';
    case 'CHAIN_UNREACHABLE':
      return 'broken';
    case 'CHAIN_NO_HISTORY':
      return 'elsewhere';
    case 'CHAIN_RPC':
      return meaningOfRefusal(error.facts.reason);
    default:
      return 'answer';
  }
}

/** By the reason of `rpcError`; without one the answer was nonsense. */
function meaningOfRefusal(reason: unknown): FailureMeaning {
  switch (reason) {
    case 'range-too-large':
    case 'invalid-request':
      return 'answer';
    case 'unknown-block':
    case 'missing-block':
    case 'unsupported':
      return 'elsewhere';
    case 'other':
      return 'odd';
    default:
      return 'broken';
  }
}

/** Whether the endpoint did not have a block that it must have, as it shows when another one has it. */
export function isContradicted(error: unknown): boolean {
  return isPonosError(error, 'CHAIN_RPC') && error.facts.reason === 'missing-block';
}
