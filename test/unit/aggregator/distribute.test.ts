import { beforeAll, describe, expect, test } from '@jest/globals';
import { ClientError, Status } from 'nice-grpc-common';
import { classifyFailure, type DistributeOptions, distribute } from '../../../src/aggregator/distribute.js';
import { PonosError } from '../../../src/base/error.js';
import { Secret } from '../../../src/base/secret.js';
import { type Bn254, loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { recoverEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { submissionMessage } from '../../../src/protocol/submission.js';
import type { ExecutorClient } from '../../../src/rpc/channel-pool.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { createLocalEcdsaSigner } from '../../../src/signer/local-signers.js';
import type { EcdsaSigner } from '../../../src/signer/signer.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { honestResult, operatorAddress, taskPlan } from './world.js';

const PATH = '/eigenlayer.hourglass.v1.ExecutorService/SubmitTask';
const failure = (status: Status, details = 'no') => new ClientError(PATH, status, details);

describe('classifyFailure', () => {
  test.each([
    [Status.UNAVAILABLE, false],
    [Status.DEADLINE_EXCEEDED, false],
    [Status.RESOURCE_EXHAUSTED, false],
    [Status.INTERNAL, false],
    [Status.UNKNOWN, false],
    [Status.CANCELLED, false],
    [Status.PERMISSION_DENIED, true],
    [Status.INVALID_ARGUMENT, true],
    [Status.FAILED_PRECONDITION, true],
    [Status.ABORTED, true],
    [Status.NOT_FOUND, true],
    [Status.UNIMPLEMENTED, true],
    [Status.UNAUTHENTICATED, true],
  ])('default: status %i is final: %p', (status, final) => {
    expect(classifyFailure(failure(status))).toEqual({ reason: `${Status[status]}: no`, final });
  });

  test('behavior: a failure that comes again has the same reason again', () => {
    const at = (time: string) =>
      `No connection established. Last error: Failed to connect (${time}). Resolution note: `;
    const reasons = ['2026-11-23T12:58:09.283Z', '2026-11-23T12:58:14.665Z'].map(
      (time) => classifyFailure(failure(Status.UNAVAILABLE, at(time))).reason,
    );
    const reason = 'UNAVAILABLE: No connection established. Last error: Failed to connect';
    expect(reasons).toEqual([reason, reason]);
  });

  test('behavior: a packed reply that unpacks to too much is final', () => {
    const details = 'Received message that decompresses to a size larger than 2097152';
    expect(classifyFailure(new ClientError('/x', Status.RESOURCE_EXHAUSTED, details)).final).toBe(true);
  });

  test('behavior: a reply that the library cannot make sense of is final', () => {
    expect(classifyFailure(new Error('undefined undefined: undefined'))).toEqual({
      reason: 'the reply cannot be read (undefined undefined: undefined)',
      final: true,
    });
  });

  test('behavior: a reply over the limit is final, though its status is one that is retried', () => {
    const error = failure(Status.RESOURCE_EXHAUSTED, 'Received message larger than max (9 vs. 8)');
    expect(classifyFailure(error).final).toBe(true);
  });

  test.each([
    ['PEER_UNREACHABLE', false],
    ['CHAIN_RPC', false],
    ['CHAIN_NO_HISTORY', false],
    ['PEER_REFUSED', true],
    ['VALUE_INVALID', true],
  ] as const)('behavior: %s before the call is final: %p', (code, final) => {
    expect(classifyFailure(new PonosError(code, { message: 'x' })).final).toBe(final);
  });
});

describe('distribute', () => {
  let bn254: Bn254;
  beforeAll(async () => {
    bn254 = await loadBn254();
  });
  const signer = createLocalEcdsaSigner(new Secret(new Uint8Array(32).fill(7)));

  /** Executors answer by script: a result, an error, or a wait without end. */
  function world(
    answer: (operatorIndex: number, attempt: number, signal: AbortSignal) => Promise<TaskResult>,
    findPeer: (operatorIndex: number) => Promise<void> = async () => undefined,
    key: Pick<EcdsaSigner, 'sign'> = signer,
  ) {
    const plan = taskPlan(bn254, 'ecdsa', [1n, 1n, 1n]);
    const clock = manualClock();
    const stop = new AbortController();
    const submissions: TaskSubmission[] = [];
    const attempts = new Map<number, number>();
    const results: number[] = [];
    const failures: string[] = [];
    const moved = new Set<number>();
    const options: DistributeOptions = {
      plan,
      operators: plan.operators,
      aggregator: operatorAddress(99),
      sign: (message) => key.sign(message, 'plain'),
      clock,
      connect: async ({ index }) => {
        await findPeer(index);
        const client: Pick<ExecutorClient, 'submitTask'> = {
          submitTask: async (submission, call) => {
            submissions.push(submission as TaskSubmission);
            const attempt = (attempts.get(index) ?? 0) + 1;
            attempts.set(index, attempt);
            return answer(index, attempt, call?.signal ?? stop.signal);
          },
        };
        return client as ExecutorClient;
      },
      hasMoved: async ({ index }) => moved.delete(index),
      onResult: async ({ index }) => {
        results.push(index);
      },
      onFailure: ({ index }, { reason, final }) => failures.push(`${index} ${reason}${final ? '!' : ''}`),
    };
    return {
      plan,
      clock,
      stop,
      moved,
      submissions,
      attempts,
      results,
      failures,
      done: distribute(options, stop.signal),
    };
  }

  test('default: everybody is asked at once, each with a signature over its own address', async () => {
    const { done, submissions, results, plan } = world(async (index) =>
      honestResult(bn254, plan, index, 'x'),
    );
    await done;
    expect(results.sort()).toEqual([0, 1, 2]);
    for (const [index, submission] of submissions.entries()) {
      expect(submission).toMatchObject({
        executorAddress: operatorAddress(index),
        aggregatorAddress: operatorAddress(99),
        taskBlockNumber: 50n,
        version: 1,
      });
      // Not a copy for each of them.
      expect(submission.payload?.buffer).toBe(plan.task.payload.buffer);
      const message = submissionMessage({
        taskId: plan.task.taskId,
        avs: plan.task.avs,
        executor: operatorAddress(index),
        operatorSetId: plan.task.operatorSetId,
        referenceTimestamp: plan.task.referenceTimestamp,
        taskBlockNumber: 50n,
        payload: plan.task.payload,
      });
      expect(recoverEcdsa(keccak256(message), submission.signature)).toBe(signer.publicIdentity);
    }
  });

  test('behavior: who is restarting is asked again, who refuses is not, and nobody waits for another', async () => {
    const { done, clock, attempts, results, failures, plan } = world(async (index, attempt) => {
      if (index === 1) throw failure(Status.PERMISSION_DENIED);
      if (index === 2 && attempt <= 2) throw failure(Status.UNAVAILABLE);
      return honestResult(bn254, plan, index, 'x');
    });
    await settle();
    expect(results).toEqual([0]);
    await clock.advance(250);
    await clock.advance(500);
    await done;
    expect(results).toEqual([0, 2]);
    expect([...attempts.entries()].sort()).toEqual([
      [0, 1],
      [1, 1],
      [2, 3],
    ]);
    expect(failures).toEqual(['1 PERMISSION_DENIED: no!', '2 UNAVAILABLE: no', '2 UNAVAILABLE: no']);
  });

  test('behavior: one that has moved is asked again where it is now, whatever was said at its old socket', async () => {
    const { done, plan, clock, moved, results, failures } = world(async (index, attempt) => {
      if (index === 1 && attempt === 1) throw failure(Status.PERMISSION_DENIED);
      return honestResult(bn254, plan, index, 'x');
    });
    moved.add(1);
    await settle();
    await clock.advance(250);
    await done;
    expect(results.sort()).toEqual([0, 1, 2]);
    expect(failures).toEqual(['1 PERMISSION_DENIED: no']);
  });

  test('behavior: a remote signer that is down for a while delays what it has not signed, and nothing else', async () => {
    let signatures = 0;
    const { done, clock, submissions, results, failures, plan } = world(
      async (index) => honestResult(bn254, plan, index, 'x'),
      undefined,
      {
        sign: async (preimage, map) => {
          signatures += 1;
          if (signatures === 2) throw new PonosError('SIGNER_UNAVAILABLE', { message: 'no answer' });
          return signer.sign(preimage, map);
        },
      },
    );
    await settle();
    expect(failures).toEqual(['1 no answer']);
    expect(submissions.map(({ executorAddress }) => executorAddress)).toEqual([0, 2].map(operatorAddress));
    await clock.advance(250);
    await done;
    expect(results.sort()).toEqual([0, 1, 2]);
    expect(signatures).toBe(4);
  });

  test('error: a signature by another key is not asked for again', async () => {
    const { done, submissions, failures } = world(
      async () => {
        throw failure(Status.UNAVAILABLE);
      },
      undefined,
      {
        sign: async () => {
          throw new PonosError('SIGNER_MISMATCH', { message: 'another key' });
        },
      },
    );
    await done;
    expect([submissions, failures]).toEqual([[], ['0 another key!', '1 another key!', '2 another key!']]);
  });

  test('behavior: nobody waits for an operator whose name server does not answer', async () => {
    const { done, stop, results, plan } = world(
      async (index) => honestResult(bn254, plan, index, 'x'),
      (index) => (index === 1 ? new Promise(() => undefined) : Promise.resolve()),
    );
    await settle();
    expect(results.sort()).toEqual([0, 2]);
    stop.abort();
    await expect(done).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('error: aborting hangs up on everyone and leaves no sleeper', async () => {
    const { done, stop, clock } = world(async (index, _attempt, signal) => {
      if (index === 0) throw failure(Status.UNAVAILABLE);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('hung up')));
      });
    });
    await settle();
    const rejected = expect(done).rejects.toMatchObject({ code: 'ABORTED' });
    stop.abort();
    await rejected;
    expect(clock.sleepers).toBe(0);
  });
});
