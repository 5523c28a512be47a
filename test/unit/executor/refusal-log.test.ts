import { expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import type { ErrorCode } from '../../../src/base/error-codes.js';
import { type Logger, silentLogger } from '../../../src/base/logger.js';
import { RefusalLog } from '../../../src/executor/refusal-log.js';
import { manualClock } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { someSubmission } from '../../support/submissions.js';

test('behavior: a flood of refusals prints a few lines, the next one says how many were not printed', async () => {
  const clock = manualClock();
  const lines: unknown[] = [];
  const logger: Logger = { ...silentLogger, info: (_message, fields) => lines.push(fields) };
  const log = new RefusalLog(logger, clock);
  const error = new PonosError('REQUEST_DENIED', { message: 'no' });
  const request = someSubmission({ taskId: 'x'.repeat(10_000) });
  for (let count = 0; count < 1_000; count += 1) log.add(request, '10.0.0.1:1', error);
  expect(lines).toHaveLength(50);
  expect(JSON.stringify(lines[0]).length).toBeLessThan(1_000);
  await clock.advance(1_000);
  log.add(request, '10.0.0.1:1', error);
  expect(lines.at(-1)).toMatchObject({ furtherRefusals: 950 });
});

test('behavior: what this node itself cannot do is a warning, every five minutes as long as it lasts', async () => {
  const clock = manualClock();
  const lines: LogLine[] = [];
  const log = new RefusalLog(recordingLogger(lines), clock);
  const levelOf = (code: ErrorCode) => {
    log.add(someSubmission({}), '10.0.0.1:1', new PonosError(code, { message: 'no' }));
    return lines.at(-1)?.level;
  };
  expect(levelOf('REQUEST_DENIED')).toBe('info');
  expect(levelOf('CHAIN_UNREACHABLE')).toBe('warn');
  expect(levelOf('OPERATOR_KEY_MISMATCH')).toBe('warn');
  await clock.advance(299_999);
  expect(levelOf('CHAIN_UNREACHABLE')).toBe('info');
  await clock.advance(1);
  expect(levelOf('CHAIN_UNREACHABLE')).toBe('warn');
});
