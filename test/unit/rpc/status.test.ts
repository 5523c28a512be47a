import { describe, expect, test } from '@jest/globals';
import { ServerError, Status } from 'nice-grpc-common';
import { PonosError } from '../../../src/base/error.js';
import type { ErrorCode } from '../../../src/base/error-codes.js';
import { grpcStatusOf, toServerError } from '../../../src/rpc/status.js';

const cases: [ErrorCode, Status][] = [
  ['REQUEST_INVALID', Status.INVALID_ARGUMENT],
  ['VALUE_INVALID', Status.INVALID_ARGUMENT],
  ['REQUEST_DENIED', Status.PERMISSION_DENIED],
  ['SIGNATURE_INVALID', Status.PERMISSION_DENIED],
  ['REQUEST_LIMIT', Status.UNAVAILABLE],
  ['REQUEST_CONFLICT', Status.FAILED_PRECONDITION],
  ['TASK_EXPIRED', Status.FAILED_PRECONDITION],
  ['PERFORMER_MISSING', Status.NOT_FOUND],
  ['PERFORMER_UNAVAILABLE', Status.UNAVAILABLE],
  ['PERFORMER_FAILED', Status.ABORTED],
  ['CHAIN_UNREACHABLE', Status.UNAVAILABLE],
  ['DOCKER_UNAVAILABLE', Status.UNAVAILABLE],
  ['STORE_UNAVAILABLE', Status.UNAVAILABLE],
  ['ABORTED', Status.UNAVAILABLE],
  ['CONFIG_INVALID', Status.FAILED_PRECONDITION],
  ['INTERNAL', Status.INTERNAL],
];

describe('grpcStatusOf', () => {
  test.each(cases)('default: %s', (code, status) => {
    expect(Status[grpcStatusOf(new PonosError(code, { message: 'x' }))]).toBe(Status[status]);
  });
});

describe('toServerError', () => {
  test('default: the message in one line, without facts or causes', () => {
    const error = new PonosError('CHAIN_UNREACHABLE', {
      message: 'chain 1\n does not answer',
      facts: { url: 'https://node.example/key' },
      cause: new Error('connect ECONNREFUSED'),
    });
    expect(toServerError(error).details).toBe('chain 1 does not answer');
  });

  test('behavior: a long message is cut', () => {
    const error = toServerError(new PonosError('PERFORMER_FAILED', { message: 'é'.repeat(5000) }));
    expect(error.details).toHaveLength(1024);
  });

  test.each([new TypeError('undefined is not a function'), new PonosError('INTERNAL', { message: 'row 7' })])(
    'behavior: what nobody expected tells a stranger nothing',
    (thrown) => {
      const error = toServerError(thrown);
      expect(error).toMatchObject({ code: Status.INTERNAL, details: 'internal error' });
    },
  );

  test('behavior: a status that a handler chose itself is kept', () => {
    const chosen = new ServerError(Status.UNAUTHENTICATED, 'no token');
    expect(toServerError(chosen)).toBe(chosen);
  });
});
