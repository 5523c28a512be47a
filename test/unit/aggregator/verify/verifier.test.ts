import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { EcdsaResponse, ResponseToVerify } from '../../../../src/aggregator/verify/judge.js';
import { createVerifier, type Verifier } from '../../../../src/aggregator/verify/verifier.js';
import { silentLogger } from '../../../../src/base/logger.js';
import { type Bn254, loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import { encodeG1 } from '../../../../src/crypto/bn254/points.js';
import { ecdsaAddress, signEcdsa } from '../../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../../src/crypto/keccak.js';
import { buildVerifyWorker } from '../../../support/build-worker.js';
import { until } from '../../../support/until.js';

let workerSource: string;
let bn254: Bn254;
const verifiers: Verifier[] = [];

beforeAll(async () => {
  workerSource = await buildVerifyWorker();
  bn254 = await loadBn254();
});
afterEach(async () => {
  await Promise.all(verifiers.splice(0).map((verifier) => verifier.close()));
});

const start = (options: { source?: string; maxBatch?: number; batchTimeoutMs?: number } = {}) => {
  const { source = workerSource, ...rest } = options;
  const verifier = createVerifier({ workerSource: source, logger: silentLogger, ...rest });
  verifiers.push(verifier);
  return verifier;
};
const digest = (text: string) => keccak256(new TextEncoder().encode(text));

function bn254Response(secret: bigint, result = digest('result'), auth = digest(`auth ${secret}`)) {
  return {
    curve: 'bn254',
    publicKey: bn254.derivePublicKey(secret).g2,
    resultDigest: result,
    resultSignature: bn254.sign(secret, result, 'solidity'),
    authDigest: auth,
    authSignature: bn254.sign(secret, auth, 'plain'),
  } as const;
}

function ecdsaResponse(n: number): EcdsaResponse {
  const secret = Uint8Array.from(digest(`secret ${n}`));
  const [resultDigest, authDigest] = [digest('result'), digest(`auth ${n}`)];
  return {
    curve: 'ecdsa',
    signer: ecdsaAddress(secret),
    resultDigest,
    resultSignature: signEcdsa(secret, resultDigest),
    authDigest,
    authSignature: signEcdsa(secret, authDigest),
  };
}

const verifyAll = (verifier: Verifier, responses: readonly ResponseToVerify[]) =>
  Promise.all(responses.map((response) => verifier.verify(response)));

describe('Verifier', () => {
  test('default: valid responses of both curves pass', async () => {
    const verdicts = await verifyAll(start(), [bn254Response(5n), ecdsaResponse(1), bn254Response(6n)]);
    expect(verdicts).toEqual([undefined, undefined, undefined]);
  });

  test('behavior: two signatures that are wrong by amounts that cancel are both named', async () => {
    const verifier = start();
    // The first response keeps the thread busy, so that the pair is in one batch.
    const first = verifier.verify(bn254Response(7n));
    const [one, two, honest] = [bn254Response(11n), bn254Response(12n), bn254Response(13n)];
    const difference = bn254.hashToG1(digest('difference'), 'solidity');
    const shifted = (bytes: Uint8Array, add: boolean) => {
      const point = bn254.parseSignature(bytes);
      return encodeG1(add ? bn254.addG1([point, difference]) : bn254.subG1(point, difference));
    };
    const plus = { ...one, resultSignature: shifted(one.resultSignature, true) };
    const minus = { ...two, resultSignature: shifted(two.resultSignature, false) };
    // The attack is real: the plain aggregate of the pair verifies.
    const sum = bn254.addG1([plus, minus].map((r) => bn254.parseSignature(r.resultSignature)));
    expect(bn254.verifyAggregate([one.publicKey, two.publicKey], one.resultDigest, 'solidity', sum)).toBe(
      true,
    );
    expect(await verifyAll(verifier, [plus, honest, minus])).toEqual([
      'the result signature does not verify',
      undefined,
      'the result signature does not verify',
    ]);
    expect(await first).toBeUndefined();
  });

  test('behavior: one bad signature among 64 is found and the others pass', async () => {
    const responses = Array.from({ length: 64 }, (_, n) => bn254Response(BigInt(n + 100)));
    const bad = responses[40];
    const other = responses[41];
    if (!bad || !other) throw new Error('unreachable');
    responses[40] = { ...bad, authSignature: other.authSignature };
    const verdicts = await verifyAll(start(), responses);
    expect(verdicts.filter((verdict) => verdict !== undefined)).toHaveLength(1);
    expect(verdicts[40]).toBe('the auth signature does not verify');
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['a point off the curve', new Uint8Array(64).fill(1)],
    ['infinity', new Uint8Array(64)],
    ['trailing bytes', 'longer' as const],
  ])('behavior: %s instead of a BN254 signature is named as malformed', async (_name, value) => {
    const honest = bn254Response(20n);
    const bytes = value === 'longer' ? Uint8Array.from([...honest.resultSignature, 0]) : value;
    const verdicts = await verifyAll(start(), [honest, { ...bn254Response(21n), resultSignature: bytes }]);
    expect(verdicts[0]).toBeUndefined();
    expect(verdicts[1]).toMatch(/^the result signature is malformed/);
  });

  test('behavior: an ECDSA signature by another key, with v 0 or with high s does not pass', async () => {
    const honest = ecdsaResponse(1);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const highS = Uint8Array.from(honest.resultSignature);
    const s = BigInt(`0x${Buffer.from(highS.subarray(32, 64)).toString('hex')}`);
    highS.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 32);
    highS[64] = highS[64] === 27 ? 28 : 27;
    const lowV = Uint8Array.from(honest.resultSignature);
    lowV[64] = (lowV[64] ?? 27) - 27;
    const verdicts = await verifyAll(start(), [
      { ...honest, signer: ecdsaResponse(2).signer },
      { ...honest, resultSignature: highS },
      { ...honest, resultSignature: lowV },
      { ...honest, authSignature: ecdsaResponse(2).authSignature },
      honest,
    ]);
    expect(verdicts[0]).toMatch(/^the result signature is by another key/);
    expect(verdicts[1]).toMatch(/^the result signature is malformed/);
    expect(verdicts[2]).toMatch(/^the result signature is malformed/);
    expect(verdicts[3]).toMatch(/^the auth signature is by another key/);
    expect(verdicts[4]).toBeUndefined();
  });

  /** A thread that ends when it is given `poison`, and answers everything else with "seen". */
  const fragile = `
    const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ responses }) => {
      if (responses.some((r) => r.signer === 'poison')) process.exit(3);
      if (responses.some((r) => r.signer === 'sleep')) return;
      parentPort.postMessage({ verdicts: responses.map(() => 'seen') });
    });`;
  const poison = () => ({ ...ecdsaResponse(1), signer: 'poison' as EcdsaResponse['signer'] });

  test('behavior: a thread that ends is started again, and only what ended it is lost', async () => {
    const verifier = start({ source: fragile });
    const outcomes = await Promise.allSettled([
      verifier.verify(ecdsaResponse(1)),
      verifier.verify(ecdsaResponse(2)),
      verifier.verify(poison()),
      verifier.verify(ecdsaResponse(3)),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await verifier.verify(ecdsaResponse(4))).toBe('seen');
  });

  test('error: a thread that cannot start rejects its responses instead of starting for ever', async () => {
    const verifier = start({ source: 'throw new Error("broken")' });
    await expect(verifier.verify(ecdsaResponse(1))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('error: a batch that never comes back ends the thread', async () => {
    const verifier = start({ source: fragile, batchTimeoutMs: 2_000 });
    const stuck = { ...ecdsaResponse(1), signer: 'sleep' as EcdsaResponse['signer'] };
    await expect(verifier.verify(stuck)).rejects.toMatchObject({ code: 'INTERNAL' });
    // The next thread has as little time, its start included, which may take longer now and then.
    await until('the next thread answers', async () => {
      const answer = verifier.verify(ecdsaResponse(2));
      return (await answer.catch(() => undefined)) === 'seen';
    });
  });

  test('error: closing rejects what is under way and what comes later', async () => {
    const verifier = start({ source: fragile });
    const stuck = verifier.verify({ ...ecdsaResponse(1), signer: 'sleep' as EcdsaResponse['signer'] });
    const rejected = expect(stuck).rejects.toMatchObject({ code: 'ABORTED' });
    await verifier.close();
    await rejected;
    await expect(verifier.verify(ecdsaResponse(1))).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
