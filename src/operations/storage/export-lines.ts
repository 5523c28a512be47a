/**
 * An export: a store as lines of JSON that outlive changes of what is below them. The first line says what it is, each
 * further one is a record, in the order of the keys, and the last one tells how many there were. The same records always
 * give the same bytes.
 *
 *   {"format":"ponos-store","version":1,"role":"aggregator","schemaVersion":1}       an executor's also has "operator"
 *   {"namespace":"cursor","key":[31337],"type":"json","value":{…}}
 *   {"namespace":"payload","key":[31337,"0x…"],"type":"bytes","value":"0x…"}
 *   {"records":2}
 */
import { type Address, parseHex } from '../../base/brands.js';
import { fromHex, toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { Entry } from '../../store/key-value-store.js';
import { decodeRecord, encodeJsonRecord, encodeRecord } from '../../store/record-codec.js';
import { storeKey } from '../../store/store-key.js';
import { SCHEMA_KEY, type Schema, type StoreRole } from '../../store/store-schema.js';
import { namedOperator } from './named-operator.js';

export interface ExportHeader {
  readonly role: StoreRole;
  /** Whose signatures an executor's store knows, if that is known. */
  readonly operator: Address | undefined;
  readonly schemaVersion: number;
}

export interface OpenedExport {
  readonly header: ExportHeader;
  /** The records, once, as a store has them, with the one that says what the store is. @throws PonosError ARCHIVE_INVALID, naming the line */
  readonly entries: AsyncIterable<Entry>;
}

const FORMAT = 'ponos-store';
const VERSION = 1;

/** Records whose content is no JSON but bytes from elsewhere, which may well look like JSON. */
const BYTES_NAMESPACES: ReadonlySet<string> = new Set(['payload', 'output']);

/** @throws PonosError STORE_CORRUPT for a record that cannot be read */
export async function* encodeExport(
  header: ExportHeader,
  entries: AsyncIterable<Entry>,
): AsyncGenerator<string> {
  const { role, operator, schemaVersion } = header;
  yield `${JSON.stringify({ format: FORMAT, version: VERSION, role, operator, schemaVersion })}\n`;
  let records = 0;
  for await (const { key, value } of entries) {
    if (key === SCHEMA_KEY) continue;
    yield encodeLine(key, decodeRecord(key, value));
    records += 1;
  }
  yield `${JSON.stringify({ records })}\n`;
}

function encodeLine(key: string, content: Uint8Array): string {
  const [namespace = '', ...parts] = key.split('/').slice(0, -1);
  const json = BYTES_NAMESPACES.has(namespace) ? undefined : asJson(content);
  const start = JSON.stringify({ namespace, key: parts.map(decodePart), type: json ? 'json' : 'bytes' });
  return `${start.slice(0, -1)},"value":${json ?? `"${toHex(content)}"`}}\n`;
}

/** The text of JSON that comes back as the same text from parsing and writing it; undefined for anything else. */
function asJson(content: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    return JSON.stringify(JSON.parse(text)) === text ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Numbers in keys are 16 hex digits; hashes and addresses begin with 0x. */
function decodePart(part: string): string | number {
  if (!/^[0-9a-f]{16}$/.test(part)) return part;
  const number = Number.parseInt(part, 16);
  return Number.isSafeInteger(number) ? number : part;
}

/** @throws PonosError ARCHIVE_INVALID for what is no export, STORE_MISMATCH for a newer format */
export async function openExport(chunks: AsyncIterable<Uint8Array>): Promise<OpenedExport> {
  const lines = parseLines(chunks);
  const first = await lines.next();
  if (first.done) throw damaged('it is empty');
  const header = parseHeader(first.value);
  return { header, entries: parseEntries(header, lines) };
}

function parseHeader(line: ParsedLine): ExportHeader {
  const { format, version, role, operator, schemaVersion } = line.fields;
  if (
    format !== FORMAT ||
    typeof version !== 'number' ||
    typeof schemaVersion !== 'number' ||
    (role !== 'aggregator' && role !== 'executor')
  ) {
    throw damaged('its first line is not that of an export', line.number);
  }
  if (version !== VERSION) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the export has a format that this version of ponos does not know',
      facts: { format: version, supportedFormat: VERSION },
      advice: 'Import it with the version that wrote it.',
    });
  }
  return {
    role,
    operator: namedOperator(operator, (what, cause) => damaged(what, line.number, cause)),
    schemaVersion,
  };
}

async function* parseEntries(
  { role, operator, schemaVersion }: ExportHeader,
  lines: AsyncGenerator<ParsedLine>,
): AsyncGenerator<Entry> {
  yield {
    key: SCHEMA_KEY,
    value: encodeJsonRecord(SCHEMA_KEY, { version: schemaVersion, role, operator } satisfies Schema),
  };
  let records = 0;
  let lastKey = '';
  for await (const line of lines) {
    if ('records' in line.fields) {
      if (line.fields.records !== records) throw damaged('records are missing', line.number);
      if (!(await lines.next()).done) throw damaged('something follows its last line', line.number + 1);
      return;
    }
    const entry = parseEntry(line);
    if (entry.key === SCHEMA_KEY || entry.key.startsWith('~')) {
      throw damaged('a record of the namespace is not imported', line.number);
    }
    // Otherwise the later of two records would quietly replace the earlier one.
    if (entry.key <= lastKey) throw damaged('a record is out of order or there twice', line.number);
    lastKey = entry.key;
    records += 1;
    yield entry;
  }
  throw damaged('its last line, with the number of records, is missing');
}

function parseEntry({ fields, number }: ParsedLine): Entry {
  const { namespace, key: parts, type, value } = fields;
  const isPart = (part: unknown) => typeof part === 'string' || typeof part === 'number';
  if (typeof namespace !== 'string' || !Array.isArray(parts) || !parts.every(isPart)) {
    throw damaged('a key is missing or malformed', number);
  }
  try {
    const key = storeKey(namespace, ...parts);
    return { key, value: encodeRecord(key, encodeContent(type, value)) };
  } catch (error) {
    throw damaged('a record is malformed', number, error);
  }
}

function encodeContent(type: unknown, value: unknown): Uint8Array {
  if (type === 'bytes' && typeof value === 'string') return fromHex(parseHex(value));
  if (type === 'json' && value !== undefined) return new TextEncoder().encode(JSON.stringify(value));
  throw new PonosError('VALUE_INVALID', { message: 'type must be json, or bytes with 0x hex as the value' });
}

interface ParsedLine {
  readonly number: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function* parseLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ParsedLine> {
  let number = 0;
  for await (const text of splitLines(chunks)) {
    number += 1;
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (cause) {
      throw damaged('a line is not JSON', number, cause);
    }
    if (typeof fields !== 'object' || fields === null) throw damaged('a line is no JSON object', number);
    yield { number, fields: fields as Record<string, unknown> };
  }
}

async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of chunks) {
    const [head = '', ...tail] = decoder.decode(chunk, { stream: true }).split('\n');
    parts.push(head);
    for (const next of tail) {
      yield parts.join('');
      parts = [next];
    }
  }
  const last = parts.join('') + decoder.decode();
  if (last !== '') yield last;
}

function damaged(what: string, line?: number, cause?: unknown): PonosError {
  return new PonosError('ARCHIVE_INVALID', {
    message: `the export cannot be used: ${what}`,
    facts: { line },
    advice: 'Take another export; nothing was changed.',
    cause,
  });
}
