/** What a node's answer means to the user of a command. */
import { ClientError, Status } from 'nice-grpc';
import { abortError } from '../../base/clock.js';
import { isPonosError, PonosError } from '../../base/error.js';
import type { ErrorCode } from '../../base/error-codes.js';
import { printable } from '../../base/printable.js';
import { callDetails } from '../../rpc/call-details.js';

export interface CallFacts {
  readonly address: string;
  /** Whether the call was signed. */
  readonly isSigned: boolean;
  /** Of the command: aborts at Ctrl-C. */
  readonly interrupt: AbortSignal;
  /** Of this call. */
  readonly deadline: AbortSignal;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly advice: string;
}

const WHO = "Give --config FILE of the node, or --key-file with the operator's signing key and --operator.";

/** What to do about each status; of others the message says it. */
const MEANINGS: Partial<Record<Status, Meaning>> = {
  [Status.UNAVAILABLE]: {
    code: 'PEER_UNREACHABLE',
    advice: 'Check that the node runs, that this is its management port, and its log.',
  },
  [Status.UNIMPLEMENTED]: {
    code: 'NODE_REFUSED',
    advice:
      'Name the management port (managementServerGrpcPort). Nodes other than ponos know deploy, list, remove, register-avs and deregister-avs only; without authentication they take no --key-file.',
  },
  [Status.PERMISSION_DENIED]: {
    code: 'NODE_REFUSED',
    advice:
      'Run the command on the machine of the node, or set authentication.enabled: true there; --operator must be its operator.',
  },
};

/** Undefined for what is no failure of a call. */
export function nodeError(error: unknown, { address, isSigned, interrupt, deadline }: CallFacts): unknown {
  if (interrupt.aborted) return abortError(interrupt);
  const facts = { node: address };
  if (deadline.aborted) {
    return new PonosError('PEER_UNREACHABLE', {
      message: 'the node has not answered in time',
      facts,
      advice: 'What was asked for may still happen: look with list. --timeout SECONDS waits longer.',
      cause: error,
    });
  }
  if (!(error instanceof ClientError)) return error;
  const said = printable(callDetails(error.details));
  if (error.code === Status.UNAUTHENTICATED) {
    const advice = isSigned ? "The key must be the operator's signing key that the node has." : WHO;
    return new PonosError('CREDENTIALS_REFUSED', { message: `the node refuses: ${said}`, facts, advice });
  }
  const { code, advice } = MEANINGS[error.code] ?? { code: 'NODE_REFUSED', advice: undefined };
  const isAway = code === 'PEER_UNREACHABLE';
  return new PonosError(code, {
    message: isAway ? `the node does not answer, or cannot now: ${said}` : `the node refuses: ${said}`,
    facts: { ...facts, status: Status[error.code] },
    advice,
  });
}

/** Whether the node does not have the call. */
export function isUnimplemented(error: unknown): boolean {
  return isPonosError(error, 'NODE_REFUSED') && error.facts.status === Status[Status.UNIMPLEMENTED];
}
