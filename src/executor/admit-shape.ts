/** Checks 1 and 2 of admission: what a submission looks like and whom it is for. Pure, no chain is asked. */
import { type Address, parseAddress, parseTaskId } from '../base/brands.js';
import { isPonosError, PonosError } from '../base/error.js';
import { SUBMISSION_VERSION } from '../protocol/submission.js';
import type { TaskSubmission } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { Submission } from './submission.js';

export interface ShapeRules {
  /** Our own operator. */
  readonly operator: Address;
  readonly maxPayloadBytes: number;
}

/**
 * Parses a submission. Cheapest test first: whatever comes from a stranger meets this function before
 * anything that costs a call or memory.
 * @throws PonosError REQUEST_INVALID for a malformed field or a payload over the limit,
 *   REQUEST_DENIED when it is addressed to another operator
 */
export function parseSubmission(request: TaskSubmission, rules: ShapeRules): Submission {
  const taskId = field('task_id', request.taskId, parseTaskId);
  const avs = field('avs_address', request.avsAddress, parseAddress);
  const aggregator = field('aggregator_address', request.aggregatorAddress, parseAddress);
  const executor = field('executor_address', request.executorAddress, parseAddress);
  if (request.signature.length === 0) throw malformed('signature', 'is empty');
  if (request.referenceTimestamp === 0) throw malformed('reference_timestamp', 'is 0');
  if (request.version !== SUBMISSION_VERSION) {
    throw malformed('version', `must be ${SUBMISSION_VERSION}`, request.version);
  }
  if (executor !== rules.operator) {
    throw new PonosError('REQUEST_DENIED', {
      message: 'the submission is addressed to another operator',
      facts: { executor, operator: rules.operator },
    });
  }
  if (request.payload.length > rules.maxPayloadBytes) {
    throw new PonosError('REQUEST_INVALID', {
      message: 'payload is larger than limits.maxPayloadBytes',
      facts: { bytes: request.payload.length, limit: rules.maxPayloadBytes },
    });
  }
  return {
    taskId,
    operatorSet: { avs, id: request.operatorSetId },
    aggregator,
    payload: request.payload,
    signature: request.signature,
    referenceTimestamp: request.referenceTimestamp,
    taskBlockNumber: request.taskBlockNumber,
    spelled: { taskId: request.taskId, executorAddress: request.executorAddress },
  };
}

function field<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!isPonosError(error, 'VALUE_INVALID')) throw error;
    throw new PonosError('REQUEST_INVALID', { message: `${name}: ${error.message}`, facts: error.facts });
  }
}

function malformed(name: string, problem: string, found?: number): PonosError {
  return new PonosError('REQUEST_INVALID', { message: `${name} ${problem}`, facts: { found } });
}
