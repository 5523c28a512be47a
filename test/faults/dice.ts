/** Choices that a seed decides: the same seed chooses the same again. */

export interface Dice {
  /** From 0 to below `sides`. */
  roll(sides: number): number;
  pick<T>(list: readonly T[]): T;
  /** The same items in another order. */
  shuffle<T>(list: readonly T[]): T[];
}

/** Mulberry32, a small public-domain generator with 32 bits of state; nothing here needs a better one. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const roll = (sides: number) => Math.floor(next() * sides);
  return {
    roll,
    pick(list) {
      const found = list[roll(list.length)];
      if (found === undefined) throw new Error('there is nothing to pick from');
      return found;
    },
    shuffle: (list) =>
      list
        .map((item) => ({ item, place: next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ item }) => item),
  };
}
