import { describe, expect, test } from '@jest/globals';
import { type Address, parseAddress, parseHash32 } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { bloomPattern, judgeBloom } from '../../../src/chain/logs-bloom.js';
import { keccak256 } from '../../../src/crypto/keccak.js';

const MAILBOX = parseAddress('0x095e7baea6a6c7c4c2dfeb977efac326af552d87');
const OTHER = parseAddress('0x00000000000000000000000000000000000000aa');
const TOPIC = parseHash32(`0x${'00'.repeat(32)}`);
const OTHER_TOPIC = parseHash32(`0x${'bb'.repeat(32)}`);

/** Sets bits by hand: 0 is the lowest bit of the last byte. */
function bloomOf(...bits: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const bit of bits) bytes[255 - (bit >> 3)] = (bytes[255 - (bit >> 3)] ?? 0) | (1 << (bit & 7));
  return bytes;
}

const pattern = bloomPattern({ addresses: [MAILBOX], topics: [TOPIC] });
const [addresses, topics] = pattern;
const bits = [...(addresses?.[0] ?? []), ...(topics?.[0] ?? [])];

describe('bloomPattern', () => {
  test('default: the bits of each value are those that go-ethereum sets (its "extensive" vector)', () => {
    const values = Array.from({ length: 100 }, (_, index) =>
      toHex<Address>(Buffer.from(`xxxxxxxxxx data ${index} yyyyyyyyyyyyyy`)),
    );
    const set = bloomPattern({ addresses: values, topics: [] }).flat(2);
    expect(toHex(keccak256(bloomOf(...set)))).toBe(
      '0xc8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263',
    );
  });
});

describe('judgeBloom', () => {
  test.each([
    ['all bits of address and topic', bloomOf(...bits), 'likely'],
    ['those and others', bloomOf(...bits, 1, 2, 3, 4, 5), 'likely'],
    ['an empty bloom', bloomOf(), 'absent'],
    ['only the address', bloomOf(...bits.slice(0, 3)), 'absent'],
    ['only the topic', bloomOf(...bits.slice(3)), 'absent'],
    ['all bits but one', bloomOf(...bits.slice(1)), 'absent'],
    ['a full bloom says nothing', new Uint8Array(256).fill(255), 'unclear'],
    ['no bloom', undefined, 'unclear'],
    ['a bloom of a wrong size', new Uint8Array(32), 'unclear'],
  ])('behavior: %s', (_case, bloom, verdict) => {
    expect(judgeBloom(bloom, pattern)).toBe(verdict);
  });

  test('behavior: any of several alternatives is enough, and null asks for nothing', () => {
    const wide = bloomPattern({ addresses: [OTHER, MAILBOX], topics: [null, [OTHER_TOPIC, TOPIC]] });
    expect(judgeBloom(bloomOf(...bits), wide)).toBe('likely');
    expect(judgeBloom(bloomOf(...bits.slice(0, 3)), wide)).toBe('absent');
  });
});
