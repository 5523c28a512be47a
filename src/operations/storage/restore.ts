/** `ponos storage restore`: a backup as a store again. */
import path from 'node:path';
import { inspectArchive, openArchive } from './archive.js';
import { readChunks } from './chunks.js';
import { formatTime } from './format.js';
import { abortable, type LongRunFlags, runLong } from './long-run.js';
import { placeStore, refuseContent } from './place-store.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { requireRole } from './stopped-store.js';
import { requireKnownSchema } from './store-content.js';
import type { Terminal } from './terminal.js';

export interface RestoreFlags extends StoreFlags, LongRunFlags {
  readonly file: string;
  readonly json?: boolean;
}

/** @throws PonosError ARCHIVE_INVALID, FILE_EXISTS, FILE_UNREADABLE, STORE_MISMATCH, ABORTED. Nothing is placed then. */
export async function restoreStore(flags: RestoreFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  await refuseContent(dir);
  const { header, records } = await runLong('restore', flags, terminal.stderr, async (run) => {
    const inspected = await inspectArchive(abortable(readChunks(flags.file), run.signal));
    requireKnownSchema(inspected.header.schemaVersion);
    if (target.role !== undefined) requireRole(inspected.header.role, target.role);
    // Checked again as it is read again: the file may have changed.
    const { entries } = await openArchive(readChunks(flags.file));
    await placeStore(dir, run.progress.entries(abortable(entries, run.signal)));
    return inspected;
  });
  const { role, createdAtMs } = header;
  terminal.print(
    flags.json
      ? JSON.stringify({ dir, role, records, createdAtMs })
      : `${dir}: ${records} records of an ${role}, as of ${formatTime(createdAtMs)}`,
  );
}
