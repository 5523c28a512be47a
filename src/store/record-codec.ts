/**
 * The envelope around every stored value: format version, checksum over key and content, content.
 * LevelDB hands out flipped bytes without a word, and a checksum over the key as well catches a
 * value that turns up under another key.
 */
import { createHash } from 'node:crypto';
import { concatBytes } from '../base/bytes.js';
import { PonosError } from '../base/error.js';

const FORMAT_VERSION = 1;
const CHECKSUM_BYTES = 8;
const HEADER_BYTES = 1 + CHECKSUM_BYTES;

/** Bytes into an envelope. */
export function encodeRecord(key: string, content: Uint8Array): Uint8Array {
  const sum = Buffer.from(checksum(FORMAT_VERSION, key, content), 'latin1').subarray(0, CHECKSUM_BYTES);
  return concatBytes(Uint8Array.of(FORMAT_VERSION), sum, content);
}

/** Bytes out of their envelope. @throws PonosError STORE_CORRUPT, naming the key */
export function decodeRecord(key: string, record: Uint8Array): Uint8Array {
  const version = record[0];
  const content = record.subarray(HEADER_BYTES);
  if (record.length < HEADER_BYTES || version === undefined) throw corruptRecord(key, 'it is too short');
  const sum = checksum(version, key, content);
  for (let index = 0; index < CHECKSUM_BYTES; index += 1) {
    if (record[1 + index] !== sum.charCodeAt(index)) throw corruptRecord(key, 'its checksum is wrong');
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

/**
 * A character for each byte, of which the first eight count: every record of a store is checked at its start, and
 * text costs half of what buffers do. Keys are printable ASCII; the zero byte ends them.
 */
function checksum(version: number, key: string, content: Uint8Array): string {
  const head = `${String.fromCharCode(version)}${key}\0`;
  return createHash('sha256').update(head, 'latin1').update(content).digest('binary');
}
