import { describe, expect, test } from '@jest/globals';
import { Secret } from '../../../src/base/secret.js';
import { redacted, withoutAccessKey } from '../../../src/config/redact.js';

describe('redaction', () => {
  test.each([
    ['http://localhost:8545', 'http://localhost:8545'],
    ['http://localhost:8545/', 'http://localhost:8545/'],
    ['https://eth.example/v3/KEY', 'https://eth.example/[redacted]'],
    ['https://eth.example?key=KEY', 'https://eth.example/[redacted]'],
    ['wss://user:KEY@eth.example', 'wss://eth.example'],
    ['./a/path@x', './a/path@x'],
  ])('behavior: %s becomes %s', (text, expected) => {
    expect(withoutAccessKey(text)).toBe(expected);
  });

  test('behavior: secrets anywhere are replaced, other values stay', () => {
    expect(redacted({ a: [{ b: new Secret('x') }], c: 1, d: undefined, e: null, f: true })).toEqual({
      a: [{ b: '[redacted]' }],
      c: 1,
      d: undefined,
      e: null,
      f: true,
    });
  });
});
