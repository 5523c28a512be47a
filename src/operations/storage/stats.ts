/** What is in a store: how much of what, how far, how old. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlockNumber, ChainId, Hash32 } from '../../base/brands.js';
import { isPonosError } from '../../base/error.js';
import type { BlockRef } from '../../store/aggregator-history.js';
import { chainOfKey } from '../../store/aggregator-keys.js';
import type { StoredTask, StoredTaskStatus } from '../../store/aggregator-records.js';
import type { AnswerRecord } from '../../store/executor-records.js';
import type { Entry } from '../../store/key-value-store.js';
import { namespaceOf } from '../../store/ledger.js';
import { decodeJsonRecord, decodeRecord } from '../../store/record-codec.js';
import type { StoreRole } from '../../store/store-schema.js';
import type { StoreContent } from './store-content.js';

export interface NamespaceStats {
  readonly namespace: string;
  readonly records: number;
  /** Of keys and values, before LevelDB compresses them. */
  readonly bytes: number;
}

export interface FileStats {
  readonly dir: string;
  readonly files: number;
  readonly bytes: number;
}

export interface ChainStats {
  readonly chainId: ChainId;
  readonly lastBlock: BlockNumber;
  readonly lastBlockHash: Hash32;
}

export interface StoreStats {
  readonly role: StoreRole;
  readonly schemaVersion: number;
  /** By name. */
  readonly namespaces: readonly NamespaceStats[];
  /** Undefined for a store in memory. */
  readonly files: FileStats | undefined;
  /** An aggregator's chains, by id. */
  readonly chains: readonly ChainStats[];
  /** An aggregator's tasks by status; an executor has none. */
  readonly tasks: Readonly<Partial<Record<StoredTaskStatus, number>>>;
  /** When the first and the last of the tasks was seen (aggregator) or answered (executor), Unix milliseconds. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  /** Records that cannot be read. */
  readonly damaged: number;
}

/** Reads every record once, as of one moment. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT when the database cannot be read */
export async function collectStats(content: StoreContent, dir: string | undefined): Promise<StoreStats> {
  const { role, schemaVersion } = content;
  const namespaces = new Map<string, { records: number; bytes: number }>();
  const chains: ChainStats[] = [];
  const tasks: Partial<Record<StoredTaskStatus, number>> = {};
  let [oldestMs, newestMs, damaged]: [number | undefined, number | undefined, number] = [
    undefined,
    undefined,
    0,
  ];
  const note = (createdAtMs: number) => {
    oldestMs = Math.min(oldestMs ?? createdAtMs, createdAtMs);
    newestMs = Math.max(newestMs ?? createdAtMs, createdAtMs);
  };
  const look = (namespace: string, { key, value }: Entry) => {
    const kind = `${role} ${namespace}`;
    if (kind === 'aggregator cursor') {
      const { number, hash } = decodeJsonRecord<BlockRef>(key, value);
      const chainId = chainOfKey(key);
      chains.push({ chainId, lastBlock: number, lastBlockHash: hash });
    } else if (kind === 'aggregator task') {
      const { status, createdAtMs } = decodeJsonRecord<StoredTask>(key, value);
      tasks[status] = (tasks[status] ?? 0) + 1;
      note(createdAtMs);
    } else if (kind === 'executor answer') {
      note(decodeJsonRecord<AnswerRecord>(key, value).createdAtMs);
    } else {
      decodeRecord(key, value);
    }
  };
  for await (const entry of content.entries()) {
    const namespace = namespaceOf(entry.key);
    const known = namespaces.get(namespace) ?? { records: 0, bytes: 0 };
    known.records += 1;
    known.bytes += entry.key.length + entry.value.length;
    namespaces.set(namespace, known);
    try {
      look(namespace, entry);
    } catch (error) {
      if (!isPonosError(error, 'STORE_CORRUPT')) throw error;
      damaged += 1;
    }
  }
  return {
    role,
    schemaVersion,
    namespaces: [...namespaces].map(([namespace, { records, bytes }]) => ({ namespace, records, bytes })),
    files: dir === undefined ? undefined : await fileStats(dir),
    chains,
    tasks,
    oldestMs,
    newestMs,
    damaged,
  };
}

/** The files of a folder; those that vanish meanwhile, as a database in use lets them, do not count. */
export async function fileStats(dir: string): Promise<FileStats> {
  const found = await Promise.all(
    (await readdir(dir)).map((name) =>
      stat(path.join(dir, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      }),
    ),
  );
  const files = found.filter((status) => status?.isFile());
  return { dir, files: files.length, bytes: files.reduce((sum, status) => sum + (status?.size ?? 0), 0) };
}
