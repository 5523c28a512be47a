import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { Secret } from '../../../src/base/secret.js';
import { createLogger, renderLine } from '../../../src/base/winston-logger.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const AT = new Date(0);

describe('renderLine', () => {
  test.each(['text', 'json'] as const)(
    'behavior: no %s line has a character that a terminal obeys',
    (style) => {
      const hostile = '\u001b[2J\u009b2J\u007f\r';
      const line = renderLine(style, 'warn', `m ${hostile}`, { reason: hostile, list: [hostile] }, AT);
      expect(line).not.toMatch(/\p{Cc}/u);
      if (style === 'json') expect(JSON.parse(line).reason).toBe(hostile);
    },
  );

  test('default: text is time, level, sentence and fields', () => {
    expect(
      renderLine(
        'text',
        'info',
        'task accepted',
        { taskId: '0x1', chainId: 1, note: 'two words', none: undefined },
        AT,
      ),
    ).toBe('1970-01-01T00:00:00.000Z INFO  task accepted taskId=0x1 chainId=1 note="two words"');
  });

  test('default: JSON is one object with the fields beside time, level and message', () => {
    expect(
      JSON.parse(
        renderLine('json', 'warn', 'late', { weight: 7n, ok: true, list: ['a', 1n], nothing: null }, AT),
      ),
    ).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      message: 'late',
      weight: '7',
      ok: true,
      list: 'a,1',
      nothing: null,
    });
  });

  test.each(['json', 'text'] as const)(
    'behavior: as %s it never holds a secret, whole or within',
    (style) => {
      const secret = new Secret('tell-nobody');
      const line = renderLine(style, 'info', 'm', { secret, list: [secret], deep: { secret } }, AT);
      expect(line).not.toContain('tell-nobody');
      expect(line).toContain('[redacted]');
    },
  );

  test.each(['json', 'text'] as const)(
    'behavior: as %s an entry stays one line, whatever its fields hold',
    (style) => {
      const line = renderLine(style, 'error', 'm', { error: new Error('a\nb'), text: 'c\nd' }, AT);
      expect(line.split('\n')).toHaveLength(1);
    },
  );

  test('behavior: an error of ours comes with its code, by which docs/errors.md is searched', () => {
    const error = new PonosError('CHAIN_RPC', { message: 'call failed' });
    const line = renderLine('text', 'warn', 'm', { error, chainId: 1 }, AT);
    expect(line).toMatch(/ m error="call failed" chainId=1 code=CHAIN_RPC$/);
    expect(renderLine('text', 'warn', 'm', { error: new Error('e') }, AT)).not.toContain('code=');
  });

  test('behavior: an error is its message with its causes', () => {
    const error = new PonosError('CHAIN_RPC', {
      message: 'call failed',
      facts: { method: 'eth_call' },
      cause: new Error('timeout'),
    });
    expect(JSON.parse(renderLine('json', 'error', 'm', { error }, AT)).error).toBe(
      'call failed (method eth_call): timeout',
    );
  });

  test('behavior: bigints within objects are numbers as text', () => {
    expect(JSON.parse(renderLine('json', 'info', 'm', { o: { a: 1n } }, AT)).o).toBe('{"a":"1"}');
  });
});

describe('createLogger', () => {
  test('behavior: a full disk under the log file holds up neither standard error nor the end', async () => {
    const printed: string[] = [];
    // Within Jest, winston's way to standard error.
    const stderr: NodeJS.WriteStream = Reflect.get(console, '_stderr');
    const spy = jest.spyOn(stderr, 'write').mockImplementation((line) => printed.push(String(line)) > 0);
    try {
      await withTemporaryFolder(async (folder) => {
        const file = { path: path.join(folder, 'node.log'), maxSizeBytes: 1_000_000, maxBackups: 1 };
        await symlink('/dev/full', file.path);
        const logger = createLogger({ level: 'info', format: 'text', file });
        for (let line = 0; line < 200; line += 1) logger.info(`line ${line} ${'x'.repeat(500)}`);
        await logger.close();
        logger.info('too late');
      });
    } finally {
      spy.mockRestore();
    }
    expect(printed.filter((line) => / line \d+ /.test(line))).toHaveLength(200);
    expect(printed.filter((line) => line.includes('the log file cannot be written'))).toHaveLength(1);
  });
});
