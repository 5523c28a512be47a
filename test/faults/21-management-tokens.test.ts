/** A flood of callers who want tokens, or guess: nothing is kept of them, and they push nobody out. */
import { expect, test } from '@jest/globals';
import { parseAddress } from '../../src/base/brands.js';
import { ecdsaAddress, recoverEcdsa, signEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { challengeTokenMessage } from '../../src/protocol/management.js';
import { createChallengeTokens } from '../../src/rpc/auth/challenge-tokens.js';
import { createManagementGuard } from '../../src/rpc/auth/management-guard.js';
import { ExecutorManagementServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { manualClock } from '../support/manual-clock.js';

const MILLION = 1_000_000;

test('threat 21: a million tokens are handed out and none is kept; the first one is still good', () => {
  const tokens = createChallengeTokens(manualClock());
  const { token: honest } = tokens.issue();
  let last = '';
  for (let index = 0; index < MILLION; index += 1) last = tokens.issue().token;
  expect(tokens.remembered).toBe(0);
  expect(last).not.toBe(honest);
  tokens.check(honest);
  tokens.use(honest);
  expect(tokens.remembered).toBe(1);
}, 60_000);

test('threat 21: a flood of guesses costs a bounded number of verifications, and spends no token', async () => {
  const operator = parseAddress(`0x${'0e'.repeat(20)}`);
  const secret = new Uint8Array(32).fill(5);
  const address = ecdsaAddress(secret);
  const clock = manualClock();
  let verifications = 0;
  const guard = createManagementGuard({
    authentication: { enabled: true, bindRequest: false },
    operator,
    verify: (digest, signature) => {
      verifications += 1;
      return recoverEcdsa(digest, signature) === address;
    },
    foreignOperator: 'REQUEST_DENIED',
    clock,
  });
  const { token } = guard.issueToken(operator, '10.0.0.1:1');
  const sign = (key: Uint8Array) => Buffer.from(signEcdsa(key, keccak256(challengeTokenMessage(token))));
  const call = (challengeToken: string, signature: Buffer) => ({
    service: ExecutorManagementServiceDefinition,
    method: ExecutorManagementServiceDefinition.methods.listPerformers,
    request: { avsAddress: '', auth: { challengeToken, signature } },
  });
  const wrong = sign(new Uint8Array(32).fill(6));

  for (let index = 0; index < 10_000; index += 1) {
    // Made-up tokens never come as far as a signature.
    expect(() => guard.admit(call('0'.repeat(64), wrong), '10.0.0.2:1')).toThrow('not one of this node');
  }
  expect(verifications).toBe(0);
  for (let index = 0; index < 1_000; index += 1) {
    expect(() => guard.admit(call(token, wrong), '10.0.0.2:1')).toThrow(
      /not the operator's|too many requests/,
    );
  }
  expect(verifications).toBe(50);

  guard.admit(call(token, sign(secret)), '10.0.0.1:1');
  expect(() => guard.admit(call(token, sign(secret)), '10.0.0.1:1')).toThrow('was used before');
});
