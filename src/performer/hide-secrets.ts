/** Values that must not be read in what is logged, stored or shown of a performer. */
import type { Secret } from '../base/secret.js';

/** Shorter values are words that occur anyway (`1`, `debug`), not secrets. */
const MIN_REDACTED_CHARS = 6;

/** @returns a function that blots the values out of a line, wherever they occur */
export function secretHider(secrets: Iterable<Secret>): (line: string) => string {
  const hidden = new Set(
    [...secrets]
      // Text is looked at by lines, so a value of several lines (a PEM key) is looked for line by line.
      .flatMap((secret) => secret.reveal().split(/\r?\n/))
      .map((line) => line.trim())
      .filter((value) => value.length >= MIN_REDACTED_CHARS)
      .flatMap(spellings),
  );
  // The longest first: of a value that begins with another one, the rest would be left.
  const inOrder = [...hidden].sort((a, b) => b.length - a.length);
  return (line) => inOrder.reduce((text, value) => text.replaceAll(value, '[redacted]'), line);
}

/** As programs print their variables: as they are, in JSON, or as node and Python quote them. */
function spellings(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const withBackslashes = value.replaceAll('\\', '\\\\');
  return [value, inJson, withBackslashes, withBackslashes.replaceAll("'", "\\'")];
}
