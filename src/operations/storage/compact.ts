/** `ponos storage compact`: gives back the room of what was deleted. */
import path from 'node:path';
import { compactLevelDatabase } from '../../store/level-store.js';
import { formatBytes } from './format.js';
import { type LongRunFlags, runLong } from './long-run.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { fileStats } from './stats.js';
import { requireSound, withLockedStore, withStoppedStore } from './stopped-store.js';
import type { Terminal } from './terminal.js';

export interface CompactFlags extends StoreFlags, LongRunFlags {
  readonly json?: boolean;
}

/** @throws PonosError STORE_MISSING, STORE_LOCKED, STORE_MISMATCH, STORE_CORRUPT, STORE_UNAVAILABLE */
export async function compactStore(flags: CompactFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  const [before, after] = await runLong('compact', flags, terminal.stderr, async () => {
    // Compaction drops what it cannot read: of a damaged store more would be lost.
    await withStoppedStore(target, requireSound);
    return withLockedStore(dir, async () => {
      const sizeBefore = await fileStats(dir);
      await compactLevelDatabase(dir);
      return [sizeBefore, await fileStats(dir)];
    });
  });
  const [bytesBefore, bytesAfter] = [before?.bytes ?? 0, after?.bytes ?? 0];
  terminal.print(
    flags.json
      ? JSON.stringify({ dir, bytesBefore, bytesAfter })
      : `${dir}: ${formatBytes(bytesBefore)} before, ${formatBytes(bytesAfter)} after`,
  );
}
