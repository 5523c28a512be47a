import { describe, expect, test } from '@jest/globals';
import { createChallengeTokens } from '../../../src/rpc/auth/challenge-tokens.js';
import { manualClock } from '../../support/manual-clock.js';

const FIVE_MINUTES_MS = 5 * 60_000;

describe('createChallengeTokens', () => {
  test('default: 64 hex digits, good for five minutes', () => {
    const clock = manualClock(1_700_000_000_000);
    const { token, expiresAtSeconds } = createChallengeTokens(clock).issue();
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(expiresAtSeconds).toBe(1_700_000_300);
  });

  test('behavior: expires by the time that has passed, whatever is done to the date', async () => {
    const clock = manualClock();
    const tokens = createChallengeTokens(clock);
    const { token } = tokens.issue();
    clock.step(10 * FIVE_MINUTES_MS);
    await clock.advance(FIVE_MINUTES_MS - 1);
    tokens.check(token);
    clock.step(-10 * FIVE_MINUTES_MS);
    await clock.advance(1);
    expect(() => tokens.check(token)).toThrow('has expired');
  });

  test('behavior: a used one is used, and others are not', () => {
    const tokens = createChallengeTokens(manualClock());
    const [first, second] = [tokens.issue().token, tokens.issue().token];
    expect(first).not.toBe(second);
    tokens.use(first);
    expect(() => tokens.check(first)).toThrow('was used before');
    tokens.check(second);
  });

  test('error: what this process has not made', () => {
    const clock = manualClock();
    const tokens = createChallengeTokens(clock);
    const { token } = tokens.issue();
    const flipped = (index: number) =>
      token.slice(0, index) + (token[index] === '0' ? '1' : '0') + token.slice(index + 1);
    const foreign = [
      createChallengeTokens(clock).issue().token,
      ...Array.from({ length: 64 }, (_, index) => flipped(index)),
      '0'.repeat(64),
      token.toUpperCase(),
      `0x${token}`,
      token.slice(2),
      `${token}00`,
      `${token}\n`,
      '',
    ];
    for (const text of foreign) expect(() => tokens.check(text)).toThrow('not one of this node');
    tokens.check(token);
  });

  test('behavior: used ones are forgotten once they have expired', async () => {
    const clock = manualClock();
    const tokens = createChallengeTokens(clock);
    for (let index = 0; index < 10; index += 1) tokens.use(tokens.issue().token);
    await clock.advance(FIVE_MINUTES_MS);
    const { token } = tokens.issue();
    tokens.use(token);
    expect(tokens.remembered).toBe(1);
    expect(() => tokens.check(token)).toThrow('was used before');
  });

  test('error: more used ones than are remembered; nothing used before is forgotten for it', async () => {
    const clock = manualClock();
    const tokens = createChallengeTokens(clock, 3);
    const used = [1, 2, 3].map(() => tokens.issue().token);
    for (const token of used) tokens.use(token);
    const { token } = tokens.issue();
    expect(() => tokens.use(token)).toThrow('too many management calls');
    for (const spent of used) expect(() => tokens.check(spent)).toThrow('was used before');
    await clock.advance(FIVE_MINUTES_MS);
    tokens.use(tokens.issue().token);
  });
});
