/** IPv6 addresses as bytes. */

/** @param address an IPv6 address in any spelling, with or without a zone @returns 16 bytes */
export function ipv6Bytes(address: string): Uint8Array {
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (text: string | undefined) => (text ? text.split(':') : []);
  const [before, after] = [words(head), words(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Uint8Array.from(
    [...before, ...zeros, ...after].flatMap((word) => {
      const value = Number.parseInt(word, 16);
      return [value >>> 8, value & 0xff];
    }),
  );
}
