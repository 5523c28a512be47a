import { describe, expect, test } from '@jest/globals';
import { NonsignerMemory } from '../../../src/aggregator/nonsigner-memory.js';
import { chainId } from '../../../src/base/brands.js';
import { AVS } from './world.js';

const table = { chainId: chainId(31_337), operatorSet: { avs: AVS, id: 1 }, referenceTimestamp: 900 };

function verifier(kept: readonly number[]) {
  const asked: number[] = [];
  const ask = async (index: number) => {
    asked.push(index);
    return kept.includes(index);
  };
  return { asked, ask };
}

describe('NonsignerMemory', () => {
  test('default: a yes is remembered, a no is asked again', async () => {
    const memory = new NonsignerMemory();
    const { asked, ask } = verifier([1, 3]);
    expect(await memory.cached(table, [1, 2], ask)).toEqual(new Set([1]));
    expect(await memory.cached(table, [1, 2, 3], ask)).toEqual(new Set([1, 3]));
    expect(asked).toEqual([1, 2, 2, 3]);
    expect(memory.known(table, [1, 2])).toEqual(new Set([1]));
  });

  test.each([
    ['chain', { ...table, chainId: chainId(31_338) }],
    ['operator set', { ...table, operatorSet: { avs: AVS, id: 11 } }],
    ['reference timestamp', { ...table, referenceTimestamp: 901 }],
  ])('behavior: the table of another %s is another table', async (_what, other) => {
    const memory = new NonsignerMemory();
    await memory.cached(table, [1], verifier([1]).ask);
    expect(memory.known(other, [1]).size).toBe(0);
  });

  test('error: a verifier that cannot be asked is told of, and what is known stays', async () => {
    const memory = new NonsignerMemory();
    await memory.cached(table, [1], verifier([1]).ask);
    const silent = () => Promise.reject(new Error('nobody answers'));
    await expect(memory.cached(table, [1, 2], silent)).rejects.toThrow('nobody answers');
    expect(memory.known(table, [1, 2])).toEqual(new Set([1]));
  });
});
