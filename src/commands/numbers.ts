/** Parsers for numeric flags, with errors that say what is allowed. */
import { InvalidArgumentError } from 'commander';

/** A whole number from `least` to `most`. */
export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new InvalidArgumentError(`allowed: a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}

/** A TCP port; 0 stands for a free one. */
export const parsePort = parseCount(0, 65_535);
