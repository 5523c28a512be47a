/** The work of this performer: a number in, its square out. Replace it by yours. */

/** More digits than anybody squares; keeps a hostile payload from costing much. */
const MAX_DIGITS = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');

/**
 * @param payload ASCII hex of a number, `0x` optional: `0x07`
 * @returns ASCII hex of its square with an even number of digits: `0x31`; undefined when the
 *   payload is no such number
 */
export function squarePayload(payload: Uint8Array): Uint8Array | undefined {
  const digits = /^(?:0x)?([0-9a-f]+)$/i.exec(decoder.decode(payload).trim())?.[1];
  if (digits === undefined || digits.length > MAX_DIGITS) return undefined;
  const number = BigInt(`0x${digits}`);
  const square = (number * number).toString(16);
  return encoder.encode(`0x${square.length % 2 === 0 ? '' : '0'}${square}`);
}
