import { describe, expect, test } from '@jest/globals';
import { interpolate } from '../../../src/config/interpolate.js';

const dollar = '$';
const env = { HOST: 'node', PORT: '8545', EMPTY: '' };
const UNNAMED = expect.stringMatching(/must be followed by the name of a variable/);

describe('interpolate', () => {
  test.each([
    [`http://${dollar}{HOST}:${dollar}{PORT}/`, 'http://node:8545/', []],
    ['nothing to do: $HOST', 'nothing to do: $HOST', []],
    [`${dollar}{NONE:-fallback}`, 'fallback', []],
    [`${dollar}{EMPTY:-fallback}`, 'fallback', []],
    [`${dollar}{HOST:-fallback}`, 'node', []],
    [`${dollar}{NONE:-}`, '', []],
    [`${dollar}{EMPTY}`, '', []],
    [`a $${dollar}{HOST} b`, `a ${dollar}{HOST} b`, []],
    [
      `${dollar}{NONE} and ${dollar}{OTHER}`,
      ' and ',
      ['the environment variable NONE is not set', 'the environment variable OTHER is not set'],
    ],
    [`${dollar}{}`, '', [UNNAMED]],
    [`${dollar}{a b}`, '', [UNNAMED]],
    [`${dollar}{HOST`, '', [UNNAMED]],
  ])('behavior: %s', (text, expected, problems) => {
    expect(interpolate(text, env)).toEqual({ text: expected, problems });
  });

  test('behavior: what comes out is not looked at again', () => {
    expect(interpolate(`${dollar}{A}`, { A: `${dollar}{B}`, B: 'x' }).text).toBe(`${dollar}{B}`);
  });
});
