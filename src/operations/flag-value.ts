/** Values of flags and arguments that parsers for all kinds of text read. */
import { parseAddress } from '../base/brands.js';
import { PonosError } from '../base/error.js';

/**
 * What the user wrote behind a flag, or as an argument.
 * @param flag as the user knows it @throws PonosError USAGE that names it, for what `parse` throws
 */
export function flagValue<T>(flag: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof PonosError)) throw cause;
    const { facts, advice } = cause;
    throw new PonosError('USAGE', { message: `${flag}: ${cause.message}`, facts, advice });
  }
}

/** The same of a flag that may be left out. @throws as `flagValue` */
export function optionalFlagValue<T>(
  flag: string,
  text: string | undefined,
  parse: (text: string) => T,
): T | undefined {
  return text === undefined ? undefined : flagValue(flag, text, parse);
}

/** What a request to a node says of `--avs`: empty for all AVSs. @throws PonosError USAGE when it is no address */
export function avsFlag(avs: string | undefined): string {
  return optionalFlagValue('--avs', avs, parseAddress) ?? '';
}
