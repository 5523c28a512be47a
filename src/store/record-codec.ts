/**
 * The envelope around every stored value: format version, checksum over key and content, content.
 * LevelDB hands out flipped bytes without a word, and a checksum over the key as well catches a
 * value that turns up under another key.
 */
import { createHash } from 'node:crypto';
import { concatBytes, equalBytes } from '../base/bytes.js';
import { PonosError } from '../base/error.js';

const FORMAT_VERSION = 1;
const CHECKSUM_BYTES = 8;
const HEADER_BYTES = 1 + CHECKSUM_BYTES;

/** Bytes into an envelope. */
export function encodeRecord(key: string, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(FORMAT_VERSION), checksum(FORMAT_VERSION, key, content), content);
}

/** Bytes out of their envelope. @throws PonosError STORE_CORRUPT, naming the key */
export function decodeRecord(key: string, record: Uint8Array): Uint8Array {
  const version = record[0];
  const content = record.subarray(HEADER_BYTES);
  if (record.length < HEADER_BYTES || version === undefined) throw corruptRecord(key, 'it is too short');
  if (!equalBytes(record.subarray(1, HEADER_BYTES), checksum(version, key, content))) {
    throw corruptRecord(key, 'its checksum is wrong');
  }
  if (version !== FORMAT_VERSION) throw corruptRecord(key, `its format version is ${version}`);
  return content;
}

/** Eight bytes that stand for a record in sums over many: its checksum, as it is stored. */
export function recordMark(record: Uint8Array): bigint {
  if (record.length < HEADER_BYTES) return BigInt(record.length);
  return new DataView(record.buffer, record.byteOffset).getBigUint64(1);
}

/** A plain JSON value into an envelope; bytes and bigints are the caller's to turn into text. */
export function encodeJsonRecord(key: string, value: unknown): Uint8Array {
  return encodeRecord(key, new TextEncoder().encode(JSON.stringify(value)));
}

/**
 * The value that was encoded under this key. Its shape is trusted once the checksum is right: it was
 * written by us. @throws PonosError STORE_CORRUPT, naming the key
 */
export function decodeJsonRecord<T>(key: string, record: Uint8Array): T {
  const text = new TextDecoder().decode(decodeRecord(key, record));
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw corruptRecord(key, 'it is not JSON', cause);
  }
}

/** @param what completes "a stored record cannot be used: …" */
export function corruptRecord(key: string, what: string, cause?: unknown): PonosError {
  return new PonosError('STORE_CORRUPT', {
    message: `a stored record cannot be used: ${what}`,
    facts: { key },
    advice: 'Stop the node; `ponos storage verify` says what is damaged and what to do about it.',
    cause,
  });
}

function checksum(version: number, key: string, content: Uint8Array): Uint8Array {
  const hash = createHash('sha256');
  // The zero byte ends the key, which is printable text.
  hash.update(Uint8Array.of(version)).update(key).update(Uint8Array.of(0)).update(content);
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}
