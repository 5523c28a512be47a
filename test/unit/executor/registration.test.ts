import { expect, test } from '@jest/globals';
import { blockNumber, parseAddress } from '../../../src/base/brands.js';
import { type Logger, silentLogger } from '../../../src/base/logger.js';
import type { CurveName } from '../../../src/crypto/curve.js';
import { reportRegistrations } from '../../../src/executor/registration.js';
import type { RegisteredKey } from '../../../src/protocol/registered-key.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);
const OWN: RegisteredKey = { curve: 'ecdsa', address: parseAddress(`0x${'01'.repeat(20)}`) };
const OTHER: RegisteredKey = { curve: 'ecdsa', address: parseAddress(`0x${'02'.repeat(20)}`) };
const BLS: RegisteredKey = {
  curve: 'bn254',
  publicKey: { g1: { x: 1n, y: 2n }, g2: { x: { c0: 1n, c1: 1n }, y: { c0: 1n, c1: 1n } } },
};

async function report(sets: Readonly<Record<number, { curve?: CurveName; key?: RegisteredKey }>>) {
  const lines: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (message) => lines.push(`info: ${message}`),
    warn: (message) => lines.push(`warn: ${message}`),
    child: () => logger,
  };
  await reportRegistrations({
    operator: OPERATOR,
    avss: [AVS],
    ownKeys: [OWN],
    at: blockNumber(1),
    logger,
    reader: {
      executorSets: async () => Object.keys(sets).map(Number),
      curve: async ({ id }) => sets[id]?.curve,
      registeredKey: async ({ id }) => sets[id]?.key,
    },
  });
  return lines;
}

test('default: a registered key of this node is one line of good news', async () => {
  expect(await report({ 1: { curve: 'ecdsa', key: OWN } })).toEqual([
    'info: registered, with the key of this node',
  ]);
});

test.each<[string, { curve?: CurveName; key?: RegisteredKey }, RegExp]>([
  [
    'another key is registered',
    { curve: 'ecdsa', key: OTHER },
    /^warn: the configured key is not the one registered/,
  ],
  [
    'a key of a curve without a configured key',
    { curve: 'bn254', key: BLS },
    /^warn: no bn254 key is configured/,
  ],
  ['no key at all', { curve: 'ecdsa' }, /^info: this operator has no key/],
  ['an operator set without a curve', {}, /^info: this operator has no key/],
])('behavior: %s: a line for the set, and a warning that nothing can be signed', async (_name, set, line) => {
  const lines = await report({ 1: set });
  expect(lines[0]).toMatch(line);
  expect(lines[1]).toMatch(/^warn: this operator can sign for no operator set/);
});

test('behavior: one set that works is enough for no warning about the AVS', async () => {
  const lines = await report({ 1: { curve: 'ecdsa', key: OWN }, 2: {} });
  expect(lines.filter((line) => line.startsWith('warn'))).toEqual([]);
});
