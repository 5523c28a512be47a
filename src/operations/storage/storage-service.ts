/** `ponos.v1.StorageService`: backup, export and stats of a store that its node is using. */
import type { CallContext } from 'nice-grpc';
import type { Clock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import type { GetStatsResponse, StorageServiceImplementation } from '../../rpc/generated/ponos/v1/storage.js';
import { isLoopbackPeer } from '../../rpc/loopback-peer.js';
import type { KeyValueStore } from '../../store/key-value-store.js';
import { encodeArchive } from './archive.js';
import { backupHeader } from './backup-header.js';
import { inChunks } from './chunks.js';
import { encodeExport } from './export-lines.js';
import { answersOf, encodeSlashingProtection } from './slashing-protection.js';
import { collectStats, type StoreStats } from './stats.js';
import { storeContent } from './store-content.js';

export interface StorageServiceOptions {
  readonly store: KeyValueStore;
  /** Undefined for a store in memory. */
  readonly dir: string | undefined;
  readonly clock: Clock;
}

/** Answers callers on this machine only. */
export function createStorageService({
  store,
  dir,
  clock,
}: StorageServiceOptions): StorageServiceImplementation {
  return {
    async getStats(_request, context) {
      requireLoopback(context);
      return statsMessage(await collectStats(await storeContent(store), dir));
    },
    async *backup(_request, context) {
      requireLoopback(context);
      const content = await storeContent(store);
      const archive = encodeArchive(backupHeader(content, clock), content.soundEntries());
      for await (const data of archive) yield { data };
    },
    async *export(request, context) {
      requireLoopback(context);
      const content = await storeContent(store);
      const text = request.slashingProtection
        ? encodeSlashingProtection(answersOf(content))
        : encodeExport(content, content.soundEntries());
      for await (const data of inChunks(asBytes(text))) yield { data };
    },
  };
}

async function* asBytes(text: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const part of text) yield Buffer.from(part);
}

/** The management port may be open to others; until they can prove who they are, they are not answered. */
function requireLoopback({ peer }: Pick<CallContext, 'peer'>): void {
  if (isLoopbackPeer(peer)) return;
  throw new PonosError('REQUEST_DENIED', {
    message: 'the store is shown to callers on the same machine only',
    facts: { peer },
  });
}

function statsMessage(stats: StoreStats) {
  const { role, schemaVersion, files, oldestMs, newestMs } = stats;
  const optional = (value: number | undefined) => (value === undefined ? undefined : BigInt(value));
  return {
    role,
    schemaVersion,
    namespaces: stats.namespaces.map(({ namespace, records, bytes }) => ({
      namespace,
      records: BigInt(records),
      bytes: BigInt(bytes),
    })),
    files: files && { dir: files.dir, files: BigInt(files.files), bytes: BigInt(files.bytes) },
    chains: stats.chains.map(({ chainId, lastBlock, lastBlockHash }) => ({
      chainId: BigInt(chainId),
      lastBlock: BigInt(lastBlock),
      lastBlockHash,
    })),
    tasks: Object.fromEntries(Object.entries(stats.tasks).map(([status, count]) => [status, BigInt(count)])),
    oldestMs: optional(oldestMs),
    newestMs: optional(newestMs),
    damaged: BigInt(stats.damaged),
  } satisfies GetStatsResponse;
}
