import { describe, expect, test } from '@jest/globals';
import { blockNumber, parseHash32 } from '../../../src/base/brands.js';
import { ForkMemory } from '../../../src/chain/endpoint-forks.js';

/** Blocks as `height:letter`, in the order in which an endpoint tells of them; true for each that is a flip. */
function tell(...blocks: readonly string[]): boolean[] {
  const memory = new ForkMemory();
  return blocks.map((block) => {
    const [height, letter] = block.split(':');
    return memory.tell({ number: blockNumber(Number(height)), hash: parseHash32(`0x${letter?.repeat(64)}`) });
  });
}

describe('the memory of forks', () => {
  test.each([
    ['a chain that grows', ['1:a', '2:a', '2:a', '3:a'], [false, false, false, false]],
    ['a reorg', ['1:a', '2:a', '1:b', '2:b', '2:b'], [false, false, false, false, false]],
    ['a reorg of a reorg', ['1:a', '1:b', '1:c'], [false, false, false]],
    ['a fork that was left comes back', ['1:a', '1:b', '1:a'], [false, false, true]],
    [
      'each further turn but the next is one more',
      ['1:a', '1:b', '1:a', '1:b', '1:a'],
      [false, false, true, false, true],
    ],
  ])('default: %s', (_case, blocks, flips) => {
    expect(tell(...blocks)).toEqual(flips);
  });

  test('behavior: another block at a known height contradicts', () => {
    const memory = new ForkMemory();
    const block = (letter: string) => ({
      number: blockNumber(7),
      hash: parseHash32(`0x${letter.repeat(64)}`),
    });
    expect(memory.contradicts(block('a'))).toBe(false);
    memory.tell(block('a'));
    expect([memory.contradicts(block('a')), memory.contradicts(block('b'))]).toEqual([false, true]);
    memory.tell(block('b'));
    expect([memory.contradicts(block('a')), memory.contradicts(block('b'))]).toEqual([true, false]);
  });

  test('behavior: remembers 256 heights', () => {
    const memory = new ForkMemory();
    const block = (height: number, letter: string) => ({
      number: blockNumber(height),
      hash: parseHash32(`0x${letter.repeat(64)}`),
    });
    for (let height = 0; height < 257; height++) memory.tell(block(height, 'a'));
    for (const height of [0, 1]) memory.tell(block(height, 'b'));
    expect(memory.tell(block(0, 'a'))).toBe(false);
    expect(memory.tell(block(256, 'b'))).toBe(false);
    expect(memory.tell(block(256, 'a'))).toBe(true);
  });
});
