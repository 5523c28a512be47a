import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import {
  imageReference,
  isOwnedBy,
  LABELS,
  performerName,
} from '../../../src/performer/performer-identity.js';

const AVS = parseAddress('0xDbD92D51a79FaA4Ff31e7D6AbeFcE76358B64f84');
const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 1 };

describe('performerName', () => {
  test('default: six hex digits of the hash of the lower-case address', () => {
    const hash = createHash('sha256').update('0xdbd92d51a79faa4ff31e7d6abefce76358b64f84').digest('hex');
    expect(performerName(AVS, 'f00')).toBe(`avs-performer-${hash.slice(0, 6)}-f00`);
  });
});

describe('imageReference', () => {
  test.each([
    [{ repository: 'a/b' }, 'a/b:latest'],
    [{ repository: 'host:5000/a', tag: 'v1' }, 'host:5000/a:v1'],
    [{ repository: 'a', tag: 'v1', digest: 'sha256:00' }, 'a@sha256:00'],
  ])('default: %j', (image, expected) => {
    expect(imageReference(image)).toBe(expected);
  });
});

describe('isOwnedBy', () => {
  const ours = { [LABELS.role]: 'performer', [LABELS.operator]: OWNER.operator, [LABELS.l1Chain]: '1' };

  test.each([
    [{ ...ours, other: 'x' }, true],
    [{ ...ours, [LABELS.l1Chain]: '17000' }, false],
    [{ ...ours, [LABELS.operator]: AVS }, false],
    [{ ...ours, [LABELS.role]: 'performer-network' }, false],
    [{}, false],
  ])('behavior: %j: %s', (labels, expected) => {
    expect(isOwnedBy(OWNER, labels)).toBe(expected);
  });
});
