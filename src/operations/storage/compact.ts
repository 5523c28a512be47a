/** `ponos storage compact`: gives back the room of what was deleted. */
import path from 'node:path';
import { compactLevelDatabase } from '../../store/level-store.js';
import { formatBytes } from '../format.js';
import type { Terminal } from '../terminal.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { fileStats } from './stats.js';
import { refuseForRoot, requireSound, withLockedStore, withStoppedStore } from './stopped-store.js';

export interface CompactFlags extends StoreFlags {
  readonly json?: boolean;
}

/** @throws PonosError USAGE, STORE_MISSING, STORE_LOCKED, STORE_MISMATCH, STORE_CORRUPT, STORE_UNAVAILABLE */
export async function compactStore(flags: CompactFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  await refuseForRoot(dir);
  // Compaction drops what it cannot read: of a damaged store more would be lost.
  await withStoppedStore(target, requireSound);
  const [bytesBefore, bytesAfter] = await withLockedStore(dir, async () => {
    const before = await fileStats(dir);
    await compactLevelDatabase(dir);
    const after = await fileStats(dir);
    return [before.bytes, after.bytes];
  });
  terminal.print(
    flags.json
      ? JSON.stringify({ dir, bytesBefore, bytesAfter })
      : `${dir}: ${formatBytes(bytesBefore)} before, ${formatBytes(bytesAfter)} after`,
  );
}
