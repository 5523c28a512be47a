import { describe, expect, test } from '@jest/globals';
import { explain, isPonosError, isRetryable, PonosError } from '../../../src/base/error.js';
import { ERROR_CODES } from '../../../src/base/error-codes.js';

describe('PonosError', () => {
  test('behavior: code, kind, facts, advice and cause', () => {
    const cause = new Error('socket closed');
    const error = new PonosError('CHAIN_UNREACHABLE', {
      message: 'no answer',
      facts: { chainId: 1 },
      advice: 'wait',
      cause,
    });
    expect(error).toMatchObject({
      code: 'CHAIN_UNREACHABLE',
      kind: 'retryable',
      facts: { chainId: 1 },
      advice: 'wait',
      cause,
    });
    expect('cause' in new PonosError('INTERNAL', { message: 'x' })).toBe(false);
  });

  test('behavior: isPonosError tells by class and code', () => {
    const error = new PonosError('ABORTED', { message: 'x' });
    expect(isPonosError(error)).toBe(true);
    expect(isPonosError(error, 'ABORTED')).toBe(true);
    expect(isPonosError(error, 'INTERNAL')).toBe(false);
    expect(isPonosError({ code: 'ABORTED' })).toBe(false);
  });

  test('behavior: isRetryable tells by the kind of the code', () => {
    expect(isRetryable(new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' }))).toBe(true);
    expect(isRetryable(new PonosError('CHAIN_MISMATCH', { message: 'another chain' }))).toBe(false);
    expect(isRetryable(new Error('no answer'))).toBe(false);
  });

  test('behavior: every code has a meaning that is a sentence', () => {
    for (const { meaning } of Object.values(ERROR_CODES)) expect(meaning).toMatch(/^[A-Z].*\.$/);
  });
});

describe('explain', () => {
  const wrap = (message: string, cause: unknown) => new PonosError('CHAIN_RPC', { message, cause });

  test('behavior: the causes follow, in one line, with the facts that are known', () => {
    const inner = new PonosError('CHAIN_UNREACHABLE', {
      message: 'no\n  answer',
      facts: { url: 'u', port: undefined, at: 7n },
    });
    expect(explain(wrap('block cannot be read', inner))).toBe(
      'block cannot be read: no answer (url u, at 7)',
    );
  });

  test('behavior: what has been said is not said again', () => {
    expect(explain(wrap('call failed: timeout', new Error('timeout')))).toBe('call failed: timeout');
    expect(explain(wrap('call failed', new Error('')))).toBe('call failed');
  });

  test('behavior: what terminals obey is shown, not sent: contracts and executors put words into errors', () => {
    const inner = new PonosError('CONTRACT_REVERTED', {
      message: 'reverted with Error(\u001b]0;owned\u0007)',
      facts: { answer: '\u009b2J\u007f' },
    });
    expect(explain(wrap('the result is refused', inner))).toBe(
      'the result is refused: reverted with Error(\\x1b]0;owned\\x07) (answer \\x9b2J\\x7f)',
    );
  });

  test('behavior: anything can be thrown', () => {
    expect(explain('text')).toBe('text');
    expect(explain(null)).toBe('null');
    expect(explain(undefined)).toBe('');
  });

  test('behavior: a ring of causes ends', () => {
    const ring = new Error('a');
    ring.cause = new Error('b', { cause: ring });
    expect(explain(ring)).toBe('a: b');
  });
});
