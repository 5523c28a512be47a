/** Parsers for flags and arguments that are hex: what is malformed is the user's to correct, before anything is asked. */
import { InvalidArgumentError } from 'commander';
import { parseAddress, parseHex, parseTaskId } from '../base/brands.js';
import { explain } from '../base/error.js';

/** A task id, as it was written. */
export const writtenTaskId = written(parseTaskId);

/** An address, as it was written. */
export const writtenAddress = written(parseAddress);

/** Hex of any even length, as it was written. */
export const writtenHex = written(parseHex);

function written(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    try {
      parse(text);
    } catch (error) {
      throw new InvalidArgumentError(`${explain(error)}.`);
    }
    return text;
  };
}
