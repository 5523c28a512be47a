import { describe, expect, test } from '@jest/globals';
import { jsonLines } from '../../../src/performer/json-lines.js';

describe('jsonLines', () => {
  async function* pieces(...texts: readonly string[]) {
    for (const text of texts) yield Buffer.from(text, 'latin1');
  }

  test('default: lines cut anywhere, also within a character, the last one without an end', async () => {
    const bytes = Buffer.from('{"a":"ÿ"}\r\n\n{"b":2}\n3').toString('latin1');
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const values: unknown[] = [];
      for await (const value of jsonLines(pieces(bytes.slice(0, cut), bytes.slice(cut)))) values.push(value);
      expect(values).toEqual([{ a: 'ÿ' }, { b: 2 }, 3]);
    }
  });

  test('error: a line that is no JSON', async () => {
    await expect(jsonLines(pieces('oops\n')).next()).rejects.toThrow(SyntaxError);
  });
});
