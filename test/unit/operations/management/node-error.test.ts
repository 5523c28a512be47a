import { expect, test } from '@jest/globals';
import { ClientError, Status } from 'nice-grpc';
import { nodeError } from '../../../../src/operations/management/node-error.js';

const never = new AbortController().signal;
const call = { address: '127.0.0.1:9090', isSigned: false, interrupt: never, deadline: never };

test('error: a node that cannot be connected to, without what grpc-js puts behind that', () => {
  const details =
    'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:9090 (2026-11-23T12:58:09.283Z). Resolution note: ';
  expect(nodeError(new ClientError('/a.Service/Call', Status.UNAVAILABLE, details), call)).toMatchObject({
    code: 'PEER_UNREACHABLE',
    message:
      'the node does not answer, or cannot now: No connection established. Last error: connect ECONNREFUSED 127.0.0.1:9090',
  });
});
