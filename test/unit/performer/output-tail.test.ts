import { describe, expect, test } from '@jest/globals';
import { type Logger, silentLogger } from '../../../src/base/logger.js';
import { Secret } from '../../../src/base/secret.js';
import { createOutputTail } from '../../../src/performer/output-tail.js';

function tailOf(chunks: readonly (string | Uint8Array)[], secrets: readonly string[] = []) {
  const logged: unknown[] = [];
  const logger: Logger = { ...silentLogger, debug: (_message, fields) => logged.push(fields?.line) };
  const tail = createOutputTail(
    logger,
    secrets.map((value) => new Secret(value)),
  );
  for (const chunk of chunks) tail.write(Buffer.from(chunk));
  tail.end();
  return { lines: tail.lines(), logged };
}

describe('createOutputTail', () => {
  test('default: lines, however the chunks are cut', () => {
    expect(tailOf(['one\ntw', 'o\n\r\nthr', 'ee']).lines).toEqual(['one', 'two', 'three']);
  });

  test('behavior: a character cut in two is whole again', () => {
    const bytes = Buffer.from('grün\n');
    expect(tailOf([bytes.subarray(0, 3), bytes.subarray(3)]).lines).toEqual(['grün']);
  });

  test('behavior: only the last twenty lines are kept, all are logged', () => {
    const { lines, logged } = tailOf([Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join('')]);
    expect(lines).toHaveLength(20);
    expect(lines[0]).toBe('line 30');
    expect(logged).toHaveLength(50);
  });

  test('behavior: no line of a secret of several lines is kept', () => {
    const key = '-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\r\nBCIEIJ1hsZ3v90ly\n-----END KEY-----\n';
    const { lines, logged } = tailOf([`key:\n${key}`, 'the end\n'], [key]);
    expect(lines).toEqual(['key:', ...Array(4).fill('[redacted]'), 'the end']);
    expect(logged).toEqual(lines);
  });

  test('behavior: a line without an end stays bounded', () => {
    const { lines } = tailOf(Array.from({ length: 100 }, () => 'x'.repeat(1000)));
    expect(lines.every((line) => line.length <= 500)).toBe(true);
    expect(lines.length).toBeLessThanOrEqual(20);
  });

  test('behavior: secrets that are printed are blotted out, also in the log', () => {
    const { lines, logged } = tailOf(['key=hunter2hunter2 mode=fast\n'], ['hunter2hunter2', 'fast']);
    expect(lines).toEqual(['key=[redacted] mode=fast']);
    expect(logged).toEqual(lines);
  });

  test('behavior: of a line that is cut the rest is not kept: it may begin in the middle of a secret', () => {
    const secret = 'hunter2hunter2hunter2';
    const { lines } = tailOf(
      [`${'x'.repeat(9_000)}${secret.slice(0, 10)}`, `${secret.slice(10)}\nnext\n`],
      [secret],
    );
    expect(lines).toEqual(['x'.repeat(500), 'next']);
  });

  test.each([
    ['in JSON', (text: string) => JSON.stringify({ text })],
    [
      'as node quotes it',
      (text: string) => `{ text: '${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}' }`,
    ],
  ])('behavior: a secret is blotted out %s', (_how, spell) => {
    const secret = `pa"ss'wo\\rd`;
    const { lines } = tailOf([`${spell(secret)}\n`], [secret]);
    expect(lines[0]).toContain('[redacted]');
    expect(lines[0]).not.toMatch(/pa|ss|wo|rd/);
  });

  test('behavior: of two secrets, one of which begins with the other, nothing is left', () => {
    const { lines } = tailOf(['a=hunter2 b=hunter2-and-more\n'], ['hunter2', 'hunter2-and-more']);
    expect(lines).toEqual(['a=[redacted] b=[redacted]']);
  });
});
