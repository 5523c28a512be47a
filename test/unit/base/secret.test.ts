import { format, inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { Secret } from '../../../src/base/secret.js';

test('behavior: a secret shows itself only when asked by name', () => {
  const secret = new Secret('tell-nobody');
  expect(secret.reveal()).toBe('tell-nobody');
  const holder = { deep: [{ secret }] };
  const shown = [
    `${secret}`,
    `${[secret]}`,
    String(secret),
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true }),
    format('%s %o %j', secret, secret, secret),
    JSON.stringify(structuredClone({ ...secret })),
    JSON.stringify(Object.entries(secret)),
  ];
  for (const text of shown) expect(text).not.toContain('tell-nobody');
  expect(`${secret}`).toBe('[redacted]');
  expect(JSON.stringify({ secret })).toBe('{"secret":"[redacted]"}');
});
