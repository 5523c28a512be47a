/** Bytes of recorded vectors: hex texts and binary files of test/fixtures/vectors. */
import { readFileSync } from 'node:fs';

/** Bytes of hex with or without 0x. */
export function hexBytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replace(/^0x/, ''), 'hex'));
}

/** A vector file as it is. @param name its path below test/fixtures/vectors */
export function readVectorFile(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/vectors/${name}`, import.meta.url));
}
