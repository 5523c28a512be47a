import { describe, expect, test } from '@jest/globals';
import type { TaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { recoverEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { equalKeys } from '../../../src/protocol/registered-key.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  resultAuthMessage,
  taskMessageHash,
} from '../../../src/protocol/result.js';
import type { TaskResult } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { deferred } from '../../support/deferred.js';
import {
  AVS,
  executorWorld,
  L1_VERIFIER,
  L2_VERIFIER,
  OPERATOR,
  PEER,
  TASK_ID,
} from '../../support/executor-world.js';
import { settle } from '../../support/manual-clock.js';

const REMINED_TIMESTAMP = 1_600_000_900;
const authDigest = (result: TaskResult) =>
  keccak256(
    resultAuthMessage({
      taskId: TASK_ID,
      avs: AVS,
      operator: OPERATOR,
      operatorSetId: 7,
      resultSignature: result.resultSignature,
    }),
  );

describe('what is signed', () => {
  test.each([
    ['L1', L1_VERIFIER],
    ['L2', L2_VERIFIER],
  ] as const)(
    'default: an ECDSA set gets the digest of the verifier on the chain of the task, %s',
    async (chain, verifier) => {
      const world = await executorWorld();
      if (chain === 'L2') Object.assign(world.state, { l1Task: undefined, l2Task: {} });
      const result = await world.flow.submit(world.submission(), PEER);
      const preimage = ecdsaCertificatePreimage(
        1_600_000_500,
        taskMessageHash(TASK_ID, result.output),
        ecdsaDomainSeparator(verifier),
      );
      expect(recoverEcdsa(keccak256(preimage), result.resultSignature)).toBe(world.signer.ecdsa);
      expect(recoverEcdsa(authDigest(result), result.authSignature)).toBe(world.signer.ecdsa);
    },
  );

  test('default: a BN254 set gets the Solidity map for the certificate and the plain one for the rest', async () => {
    const world = await executorWorld();
    world.state.curve = 'bn254';
    world.state.aggregatorSigns = 'bn254';
    const result = await world.flow.submit(world.submission(), PEER);
    const { bn254: key } = world.signer;
    if (key.curve !== 'bn254') throw new Error('the key has another curve');
    const digest = keccak256(
      bn254CertificatePreimage(1_600_000_500, taskMessageHash(TASK_ID, result.output)),
    );
    const { bn254 } = world;
    const certificateSignature = bn254.parseSignature(result.resultSignature);
    expect(bn254.verify(key.publicKey.g2, digest, 'solidity', certificateSignature)).toBe(true);
    const authSignature = bn254.parseSignature(result.authSignature);
    expect(bn254.verify(key.publicKey.g2, authDigest(result), 'plain', authSignature)).toBe(true);
    expect(equalKeys(key, { curve: 'ecdsa', address: OPERATOR })).toBe(false);
  });

  test('behavior: the answer repeats task id and executor address as the caller spelled them', async () => {
    const world = await executorWorld();
    const taskId = TASK_ID.toUpperCase().replace('0X', '0x');
    const executorAddress = OPERATOR.toUpperCase().replace('0X', '0x');
    const result = await world.flow.submit(world.submission({ taskId, executorAddress }), PEER);
    expect(result).toMatchObject({ taskId, operatorAddress: executorAddress, avsAddress: AVS, version: 1 });
  });
});

describe('one run for one task', () => {
  test('behavior: 100 equal submissions at once make one run and the same bytes', async () => {
    const world = await executorWorld();
    const results = await Promise.all(
      Array.from({ length: 100 }, () => world.flow.submit(world.submission(), PEER)),
    );
    expect(world.runs).toHaveLength(1);
    for (const result of results) expect(result).toEqual(results[0]);
  });

  test('behavior: a caller that hangs up ends its wait, and its retry joins the same run', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const caller = new AbortController();
    const first = world.flow.submit(world.submission(), PEER, caller.signal);
    await settle();
    caller.abort();
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    const retry = world.flow.submit(world.submission(), PEER);
    await settle();
    performer.resolve(Uint8Array.of(42));
    expect((await retry).output).toEqual(Buffer.of(42));
    expect(world.runs).toHaveLength(1);
  });

  test('behavior: a run that nobody waits for is answered from store afterwards', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const caller = new AbortController();
    const first = world.flow.submit(world.submission(), PEER, caller.signal).catch(() => undefined);
    await settle();
    caller.abort();
    await first;
    performer.resolve(Uint8Array.of(42));
    await world.flow.idle();
    expect((await world.flow.submit(world.submission(), PEER)).output).toEqual(Buffer.of(42));
    expect(world.runs).toHaveLength(1);
  });

  test('behavior: another reference timestamp gets the same output signed anew, even while the task runs', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const first = world.flow.submit(world.submission(), PEER);
    await settle();
    world.state.l1Task = { referenceTimestamp: REMINED_TIMESTAMP };
    const remined = world.submission({ referenceTimestamp: REMINED_TIMESTAMP });
    const second = world.flow.submit(remined, PEER);
    await settle();
    performer.resolve(Uint8Array.of(42));
    const [before, after] = await Promise.all([first, second]);
    expect(after.output).toEqual(before.output);
    expect(after.resultSignature).not.toEqual(before.resultSignature);
    expect(await world.flow.submit(remined, PEER)).toEqual(after);
    expect(world.runs).toHaveLength(1);
  });

  test('error: another payload is refused while the task runs and after it was answered', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const first = world.flow.submit(world.submission(), PEER);
    await settle();
    world.state.l1Task = { payload: Uint8Array.of(9) };
    const other = world.submission({ payload: Buffer.of(9) });
    await expect(world.flow.submit(other, PEER)).rejects.toMatchObject({ code: 'REQUEST_CONFLICT' });
    performer.resolve(Uint8Array.of(42));
    await first;
    await expect(world.flow.submit(other, PEER)).rejects.toMatchObject({ code: 'REQUEST_CONFLICT' });
    expect(world.runs).toHaveLength(1);
  });

  test('behavior: the same task id in another operator set is another task', async () => {
    const world = await executorWorld();
    await world.flow.submit(world.submission(), PEER);
    world.state.l1Task = { operatorSetId: 8 };
    await world.flow.submit(world.submission({ operatorSetId: 8 }), PEER);
    expect(world.runs).toHaveLength(2);
  });

  test('behavior: what is stored is not given to an aggregator that has left', async () => {
    const world = await executorWorld();
    await world.flow.submit(world.submission(), PEER);
    world.state.memberUntil = 900;
    world.state.head = 1_001;
    await world.clock.advance(1_500);
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'REQUEST_DENIED',
    });
  });
});

describe('what a death would leave', () => {
  test('default: a task is noted while it runs, and not when it is answered or has failed', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const answered = world.flow.submit(world.submission(), PEER);
    await settle();
    const noted = { avs: AVS, operatorSetId: 7, taskId: TASK_ID, referenceTimestamp: 1_600_000_500 };
    expect(await world.store.takeAbandoned()).toEqual([expect.objectContaining(noted)]);
    performer.resolve(Uint8Array.of(1));
    await answered;
    const taskId = `0x${'7b'.repeat(32)}` as TaskId;
    world.state.execute = () => Promise.reject(new PonosError('PERFORMER_FAILED', { message: 'no' }));
    await expect(world.flow.submit(world.submission({ taskId }), PEER)).rejects.toThrow('no');
    expect(await world.store.takeAbandoned()).toEqual([]);
  });

  test('error: a store that fails while the task runs is known before anything is signed', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    world.state.storeFailure = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    const refused = expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    await settle();
    expect(world.serving.at(-1)).toBe(false);
    performer.resolve(Uint8Array.of(1));
    await refused;
    world.state.storeFailure = undefined;
    expect(await world.store.find({ avs: AVS, operatorSetId: 7, taskId: TASK_ID })).toBeUndefined();
  });
});

describe('what has left', () => {
  test('error: a task whose output is no longer kept is refused, not run again; under any reference timestamp', async () => {
    const world = await executorWorld();
    await world.flow.submit(world.submission(), PEER);
    await world.store.sweep({ after: undefined, limit: 10, judge: () => 'output' });
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({ code: 'OUTPUT_GONE' });
    world.state.l1Task = { referenceTimestamp: REMINED_TIMESTAMP };
    const remined = world.submission({ referenceTimestamp: REMINED_TIMESTAMP });
    await expect(world.flow.submit(remined, PEER)).rejects.toMatchObject({ code: 'OUTPUT_GONE' });
    world.state.l1Task = { payload: Uint8Array.of(9) };
    const other = world.submission({ payload: Buffer.of(9) });
    await expect(world.flow.submit(other, PEER)).rejects.toMatchObject({ code: 'REQUEST_CONFLICT' });
    expect(world.runs).toHaveLength(1);
  });
});

describe('failures', () => {
  test('error: the words of a performer that failed reach the caller, and a later submission runs again', async () => {
    const world = await executorWorld();
    world.state.execute = () =>
      Promise.reject(new PonosError('PERFORMER_FAILED', { message: 'not a number' }));
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toThrow('not a number');
    world.state.execute = async () => Uint8Array.of(1);
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toBeDefined();
    expect(world.runs).toHaveLength(2);
  });

  test('error: an output over the limit is a failure of the performer', async () => {
    const world = await executorWorld();
    world.state.execute = async () => new Uint8Array(1_001);
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'PERFORMER_FAILED',
    });
  });

  test('error: a run ends at the deadline of its task', async () => {
    const world = await executorWorld();
    world.state.execute = (_payload, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const answered = expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'TASK_EXPIRED',
    });
    await world.clock.advance(59_000);
    expect(world.flow.inFlight).toBe(1);
    await world.clock.advance(1_000);
    await answered;
  });

  test('error: no signature leaves when the answer cannot be stored; no further work is taken', async () => {
    const world = await executorWorld();
    world.state.storeFailure = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(world.serving.at(-1)).toBe(false);
    world.state.storeFailure = undefined;
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(world.runs).toHaveLength(1);
    world.intake.storeRecovered();
    expect(world.serving.at(-1)).toBe(true);
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toBeDefined();
  });

  test('error: an AVS with a full queue is told to come again; another AVS is not held up', async () => {
    const world = await executorWorld({ maxConcurrent: 1, maxWaiting: 1 });
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const taskIds = [1, 2, 3].map((digit) => `0x${String(digit).repeat(64)}` as TaskId);
    const submitted = taskIds.map((taskId) => world.flow.submit(world.submission({ taskId }), PEER));
    await expect(submitted[2]).rejects.toMatchObject({ code: 'REQUEST_LIMIT' });
    expect(world.runs).toHaveLength(1);
    performer.resolve(Uint8Array.of(1));
    await Promise.all(submitted.slice(0, 2));
    expect(world.runs).toHaveLength(2);
  });
});

test('error: a task that does not get its turn before its deadline was never begun, and says so', async () => {
  const world = await executorWorld({ maxConcurrent: 1 });
  const performer = deferred<Uint8Array>();
  world.state.execute = () => performer.promise;
  const [first, second] = [1, 2].map((digit) =>
    world.flow.submit(world.submission({ taskId: `0x${String(digit).repeat(64)}` }), PEER),
  );
  const refused = expect(second).rejects.toMatchObject({
    code: 'TASK_EXPIRED',
    message: 'the deadline of the task has passed while it waited for its turn',
  });
  while (world.clock.sleepers < 2) await settle();
  await world.clock.advance(60_000);
  await refused;
  expect(world.runs).toHaveLength(1);
  performer.resolve(Uint8Array.of(1));
  await first;
});

describe('stopping', () => {
  test('behavior: while draining, what runs is answered and nothing else is taken', async () => {
    const world = await executorWorld();
    const performer = deferred<Uint8Array>();
    world.state.execute = () => performer.promise;
    const first = world.flow.submit(world.submission(), PEER);
    await settle();
    world.intake.drain();
    expect(world.serving.at(-1)).toBe(false);
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({ code: 'ABORTED' });
    performer.resolve(Uint8Array.of(1));
    await expect(first).resolves.toBeDefined();
    await world.flow.idle();
  });

  test('behavior: close ends what still runs', async () => {
    const world = await executorWorld();
    world.state.execute = (_payload, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const answered = expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await settle();
    await world.flow.close();
    await answered;
    expect(world.clock.sleepers).toBe(0);
  });
});
