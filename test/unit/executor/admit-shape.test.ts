import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { isPonosError, type PonosError } from '../../../src/base/error.js';
import { parseSubmission } from '../../../src/executor/admit-shape.js';
import type { TaskSubmission } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { RECORDED_SUBMISSIONS, recordedSubmission, someSubmission } from '../../support/submissions.js';

const OPERATOR = parseAddress(someSubmission().executorAddress);
const RULES = { operator: OPERATOR, maxPayloadBytes: 1_000_000 };

function refusal(changes: Partial<TaskSubmission>): PonosError {
  try {
    parseSubmission(someSubmission(changes), RULES);
  } catch (error) {
    if (isPonosError(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('parseSubmission', () => {
  test('default: the parsed fields, and the strings as they were spelled', () => {
    const request = someSubmission({ taskId: `0x${'AB'.repeat(32)}` });
    const submission = parseSubmission(request, RULES);
    expect(submission.taskId).toBe(`0x${'ab'.repeat(32)}`);
    expect(submission.operatorSet).toEqual({
      avs: request.avsAddress.toLowerCase(),
      id: request.operatorSetId,
    });
    expect(submission.spelled).toEqual({ taskId: request.taskId, executorAddress: request.executorAddress });
  });

  test('behavior: every recorded submission of a Go aggregator is well-formed', () => {
    for (const recorded of RECORDED_SUBMISSIONS) {
      const request = recordedSubmission(recorded, 'bn254');
      const rules = { ...RULES, operator: parseAddress(request.executorAddress) };
      expect(() => parseSubmission(request, rules)).not.toThrow();
    }
  });

  test.each<[string, Partial<TaskSubmission>, string]>([
    ['an empty task id', { taskId: '' }, 'task_id'],
    ['a task id of 31 bytes', { taskId: `0x${'ab'.repeat(31)}` }, 'task_id'],
    ['a task id without 0x', { taskId: 'ab'.repeat(32) }, 'task_id'],
    ['a short AVS address', { avsAddress: '0x1' }, 'avs_address'],
    ['no aggregator address', { aggregatorAddress: '' }, 'aggregator_address'],
    ['no executor address', { executorAddress: '' }, 'executor_address'],
    ['no signature', { signature: Buffer.alloc(0) }, 'signature'],
    ['reference timestamp 0', { referenceTimestamp: 0 }, 'reference_timestamp'],
    ['version 0', { version: 0 }, 'version'],
    ['version 2', { version: 2 }, 'version'],
    ['too much payload', { payload: Buffer.alloc(1_000_001) }, 'payload'],
  ])('error: %s is malformed', (_name, changes, field) => {
    const error = refusal(changes);
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.message).toContain(field);
  });

  test('error: another operator is denied, before the payload is measured', () => {
    const executorAddress = `0x${'11'.repeat(20)}`;
    expect(refusal({ executorAddress, payload: Buffer.alloc(1_000_001) }).code).toBe('REQUEST_DENIED');
  });

  test('behavior: a malformed field is told before the address is', () => {
    expect(refusal({ executorAddress: `0x${'11'.repeat(20)}`, version: 2 }).code).toBe('REQUEST_INVALID');
  });
});
