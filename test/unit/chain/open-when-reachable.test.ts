import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import type { ErrorCode } from '../../../src/base/error-codes.js';
import { type Logger, silentLogger } from '../../../src/base/logger.js';
import { openWhenReachable } from '../../../src/chain/open-when-reachable.js';
import { manualClock } from '../../support/manual-clock.js';

/** Opening a chain that fails with these codes, one after the other, and then succeeds. */
function setup(codes: readonly ErrorCode[]) {
  const clock = manualClock();
  const startMs = clock.nowMs();
  const lines: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: (message) => lines.push(message),
    warn: (message, fields) => lines.push(`${message}: ${fields?.advice}`),
    error: () => undefined,
    child: () => logger,
  };
  const stop = new AbortController();
  const triedAfterSeconds: number[] = [];
  const open = async () => {
    triedAfterSeconds.push((clock.nowMs() - startMs) / 1_000);
    const code = codes[triedAfterSeconds.length - 1];
    if (code !== undefined) throw new PonosError(code, { message: 'no', advice: 'Look at it.' });
    return 'open';
  };
  const opened = openWhenReachable(open, { chainName: 'base', clock, logger, signal: stop.signal });
  opened.catch(() => undefined);
  return { clock, lines, stop, triedAfterSeconds, opened };
}

describe('opening a chain', () => {
  test('default: at once, without a word', async () => {
    const { opened, lines } = setup([]);
    expect(await opened).toBe('open');
    expect(lines).toEqual([]);
  });

  test('behavior: one that cannot be reached is tried again, less and less often, and told of once', async () => {
    const { clock, opened, lines, triedAfterSeconds } = setup([
      'CHAIN_UNREACHABLE',
      'CHAIN_RATE_LIMITED',
      ...Array(5).fill('CHAIN_RPC'),
    ]);
    await clock.advance(120_000);
    expect(await opened).toBe('open');
    expect(triedAfterSeconds).toEqual([0, 1, 3, 8, 18, 33, 48, 63]);
    expect(lines).toEqual([
      'a chain is not reached; the node starts as soon as it is: Look at it.',
      'the chain is reached now',
    ]);
  });

  test('behavior: a long outage is told of again about every five minutes', async () => {
    const { clock, lines, stop } = setup(Array(100).fill('CHAIN_UNREACHABLE'));
    await clock.advance(10 * 60_000);
    stop.abort();
    expect(lines).toHaveLength(3);
  });

  test.each<ErrorCode>(['CHAIN_MISMATCH', 'CONTRACT_MISSING', 'CHAIN_NO_HISTORY', 'CONFIG_INVALID'])(
    'error: %s is not waited for',
    async (code) => {
      const { clock, opened, triedAfterSeconds } = setup(['CHAIN_UNREACHABLE', code]);
      await clock.advance(60_000);
      await expect(opened).rejects.toMatchObject({ code });
      expect(triedAfterSeconds).toEqual([0, 1]);
    },
  );

  test('behavior: waiting ends when the start is given up', async () => {
    const { clock, opened, stop } = setup(Array(9).fill('CHAIN_UNREACHABLE'));
    await clock.advance(2_000);
    stop.abort();
    await expect(opened).rejects.toMatchObject({ code: 'ABORTED' });
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: an endpoint that never answers does not hold up who gives up the start', async () => {
    const stop = new AbortController();
    const opened = openWhenReachable(() => new Promise<never>(() => undefined), {
      chainName: 'base',
      clock: manualClock(),
      logger: silentLogger,
      signal: stop.signal,
    });
    stop.abort();
    await expect(opened).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
