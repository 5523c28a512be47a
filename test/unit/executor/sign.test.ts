import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { type SignDependencies, signInTime, type ToSign } from '../../../src/executor/sign.js';
import { AVS, L1_VERIFIER, OPERATOR, TASK_ID } from '../../support/executor-world.js';
import { manualClock, settle } from '../../support/manual-clock.js';

const down = () => new PonosError('SIGNER_UNAVAILABLE', { message: 'the remote signer does not answer' });

/** @param failures thrown by the first signatures, in this order */
function world(failures: readonly PonosError[]) {
  const clock = manualClock();
  const stop = new AbortController();
  let asked = 0;
  const deps: SignDependencies = {
    operator: OPERATOR,
    signers: {
      ecdsa: {
        sign: async () => {
          const failure = failures[asked++];
          if (failure !== undefined) throw failure;
          return new Uint8Array(65);
        },
      },
    },
  };
  const work: Pick<ToSign, 'output' | 'curve' | 'ecdsaVerifier'> = {
    output: Uint8Array.of(1),
    curve: 'ecdsa',
    ecdsaVerifier: L1_VERIFIER,
  };
  const submission = {
    taskId: TASK_ID,
    operatorSet: { avs: AVS, id: 7 },
    referenceTimestamp: 1,
  } as ToSign['submission'];
  const signing = signInTime(
    { ...work, submission },
    deps,
    { clock, deadlineMs: 10_000, logger: silentLogger },
    stop.signal,
  );
  signing.catch(() => undefined);
  return { clock, stop, signing, asked: () => asked };
}

describe('signInTime', () => {
  test('behavior: while a remote signer is down it is asked again, and both signatures are made', async () => {
    const { clock, signing, asked } = world([down(), down()]);
    await settle();
    expect(asked()).toBe(1);
    await clock.advance(249);
    expect(asked()).toBe(1);
    await clock.advance(1);
    expect(asked()).toBe(2);
    await clock.advance(500);
    await expect(signing).resolves.toMatchObject({ authSignature: new Uint8Array(65) });
    expect(asked()).toBe(4);
  });

  test('error: at the deadline of the task it is given up, with what was in the way', async () => {
    const { clock, signing, asked } = world(Array.from({ length: 100 }, down));
    await clock.advance(10_000);
    await expect(signing).rejects.toMatchObject({ code: 'SIGNER_UNAVAILABLE' });
    // At 0, 250, 750, 1750, 3750, 5750, 7750 and 9750 ms.
    expect(asked()).toBe(8);
  });

  test('error: a signature by another key is final', async () => {
    const { signing, asked } = world([new PonosError('SIGNER_MISMATCH', { message: 'another key' })]);
    await expect(signing).rejects.toMatchObject({ code: 'SIGNER_MISMATCH' });
    expect(asked()).toBe(1);
  });

  test('error: a node that stops waits no longer', async () => {
    const { stop, signing } = world([down()]);
    await settle();
    stop.abort();
    await expect(signing).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
