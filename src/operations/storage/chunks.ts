/** Streams of bytes: cut into pieces of one size, and read by length. */
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { throwIfAborted } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';

/** Far below the largest gRPC message, and large enough that a piece costs more than its handling. */
const CHUNK_BYTES = 256 * 1024;

/** The same bytes in pieces of 256 KiB, the last one shorter. */
export async function* inChunks(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let collected = Buffer.alloc(CHUNK_BYTES);
  let used = 0;
  for await (const part of parts) {
    for (let offset = 0; offset < part.length; ) {
      const taken = Math.min(CHUNK_BYTES - used, part.length - offset);
      collected.set(part.subarray(offset, offset + taken), used);
      used += taken;
      offset += taken;
      if (used < CHUNK_BYTES) continue;
      yield collected;
      // The receiver keeps what it was given.
      collected = Buffer.alloc(CHUNK_BYTES);
      used = 0;
    }
  }
  if (used > 0) yield collected.subarray(0, used);
}

/** Reads a stream by lengths. */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; undefined when fewer are left. */
  async take(length: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length < length) {
      const parts = [this.#rest];
      let have = this.#rest.length;
      while (have < length) {
        const next = await this.#chunks.next();
        if (next.done) return undefined;
        parts.push(next.value);
        have += next.value.length;
      }
      this.#rest = Buffer.concat(parts);
    }
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

/**
 * The bytes of a file, `-` being standard input, of which nothing may come for long: the signal ends that wait as well.
 * @throws PonosError FILE_UNREADABLE, ABORTED
 */
export async function* readChunks(file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = file === '-' ? process.stdin : createReadStream(file);
  if (signal !== undefined) addAbortSignal(signal, source);
  try {
    for await (const chunk of source) yield chunk;
  } catch (cause) {
    throwIfAborted(signal);
    throw new PonosError('FILE_UNREADABLE', {
      message: 'the file cannot be read',
      facts: { file },
      advice: 'Check the path and the permissions.',
      cause,
    });
  }
}

/** The whole of a file as text, `-` being standard input. @throws PonosError FILE_UNREADABLE */
export async function readText(file: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of readChunks(file)) parts.push(chunk);
  return Buffer.concat(parts).toString('utf8');
}
