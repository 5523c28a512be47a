/**
 * A backup: one file with every record of a store as it was at one moment, and a checksum over all of it.
 * Numbers are big-endian.
 *
 *   8 bytes "PONOSBAK" · u16 format version · u32 length and bytes of the header, JSON
 *   per record: u16 length and bytes of the key (1 or more) · u32 length and bytes of the value
 *   u16 0 · u64 number of records · SHA-256 of all bytes before it
 *
 * The number of records comes last, since a store that is in use is read only once.
 */
import { createHash } from 'node:crypto';
import { concatBytes, equalBytes } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { Entry } from '../../store/key-value-store.js';
import type { StoreRole } from '../../store/store-schema.js';
import { ChunkReader, inChunks } from './chunks.js';

export interface ArchiveHeader {
  readonly role: StoreRole;
  /** Of the records, as the store's own schema record has it. */
  readonly schemaVersion: number;
  readonly createdAtMs: number;
  /** Version of the program that wrote it. */
  readonly writtenBy: string;
}

export interface OpenedArchive {
  readonly header: ArchiveHeader;
  /** The records, once. Ends well only when the number of records and the checksum are right. @throws PonosError ARCHIVE_INVALID */
  readonly entries: AsyncIterable<Entry>;
}

const MAGIC = new TextEncoder().encode('PONOSBAK');
const FORMAT_VERSION = 1;
const MAX_HEADER_BYTES = 64 * 1024;
/** Far above any record of ours: what claims to be longer is damage, and nothing to make room for. */
const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** The bytes of an archive, in pieces of 256 KiB. */
export function encodeArchive(header: ArchiveHeader, entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  return inChunks(encodeParts(header, entries));
}

async function* encodeParts(
  header: ArchiveHeader,
  entries: AsyncIterable<Entry>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const hashed = (...parts: Uint8Array[]) => {
    const bytes = concatBytes(...parts);
    hash.update(bytes);
    return bytes;
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  yield hashed(MAGIC, u16(FORMAT_VERSION), u32(text.length), text);
  let records = 0n;
  for await (const { key, value } of entries) {
    const name = new TextEncoder().encode(key);
    yield hashed(u16(name.length), name, u32(value.length), value);
    records += 1n;
  }
  yield hashed(u16(0), u64(records));
  yield hash.digest();
}

/**
 * Reads an archive's header; the records follow as they are asked for.
 * @throws PonosError ARCHIVE_INVALID for a file that is damaged or none of ours, STORE_MISMATCH for a newer format
 */
export async function openArchive(chunks: AsyncIterable<Uint8Array>): Promise<OpenedArchive> {
  const reader = new ChunkReader(chunks);
  const hash = createHash('sha256');
  const take = async (length: number) => {
    const bytes = await reader.take(length);
    if (bytes === undefined) throw damaged('it is cut off');
    hash.update(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const magic = await reader.take(MAGIC.length);
  if (magic === undefined || !equalBytes(magic, MAGIC)) throw damaged('it is no backup of ponos');
  hash.update(magic);
  const version = (await take(2)).readUInt16BE();
  if (version !== FORMAT_VERSION) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the backup has a format that this version of ponos does not know',
      facts: { format: version, supportedFormat: FORMAT_VERSION },
      advice: 'Restore it with the version that wrote it.',
    });
  }
  const headerLength = (await take(4)).readUInt32BE();
  if (headerLength > MAX_HEADER_BYTES) throw damaged('its header is too long');
  const header = parseHeader((await take(headerLength)).toString('utf8'));

  async function* entries(): AsyncGenerator<Entry> {
    for (let records = 0n; ; records += 1n) {
      const keyLength = (await take(2)).readUInt16BE();
      if (keyLength === 0) {
        if ((await take(8)).readBigUInt64BE() !== records) throw damaged('records are missing');
        break;
      }
      const key = (await take(keyLength)).toString('latin1');
      const valueLength = (await take(4)).readUInt32BE();
      if (valueLength > MAX_VALUE_BYTES) throw damaged('a record is too long');
      yield { key, value: new Uint8Array(await take(valueLength)) };
    }
    const checksum = await reader.take(32);
    if (checksum === undefined) throw damaged('it is cut off');
    if (!equalBytes(checksum, hash.digest())) throw damaged('its checksum is wrong');
    if ((await reader.take(1)) !== undefined) throw damaged('something follows its end');
  }
  return { header, entries: entries() };
}

/** Reads an archive to its end. @returns its header and the number of records @throws PonosError as `openArchive` */
export async function inspectArchive(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: ArchiveHeader; readonly records: number }> {
  const { header, entries } = await openArchive(chunks);
  let records = 0;
  for await (const _entry of entries) records += 1;
  return { header, records };
}

/** The header is checked before its checksum is known: what it says decides what is done next. */
function parseHeader(text: string): ArchiveHeader {
  let header: Partial<Record<keyof ArchiveHeader, unknown>> | null;
  try {
    header = JSON.parse(text);
  } catch {
    throw damaged('its header is not JSON');
  }
  const { role, schemaVersion, createdAtMs, writtenBy } = header ?? {};
  if (
    (role !== 'aggregator' && role !== 'executor') ||
    typeof schemaVersion !== 'number' ||
    typeof createdAtMs !== 'number' ||
    typeof writtenBy !== 'string'
  ) {
    throw damaged('its header is incomplete');
  }
  return { role, schemaVersion, createdAtMs, writtenBy };
}

function damaged(what: string): PonosError {
  return new PonosError('ARCHIVE_INVALID', {
    message: `the backup cannot be used: ${what}`,
    advice: 'Take another backup; nothing was changed.',
  });
}

function u16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
