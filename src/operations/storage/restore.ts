/** `ponos storage restore`: a backup as a store again. */
import path from 'node:path';
import type { Entry } from '../../store/key-value-store.js';
import { formatTime } from '../format.js';
import type { Terminal } from '../terminal.js';
import { type ArchiveHeader, openArchive } from './archive.js';
import { readChunks } from './chunks.js';
import { abortable, type LongRunFlags, runLong } from './long-run.js';
import { placeStore, refuseContent } from './place-store.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { requireRole } from './stopped-store.js';
import { requireKnownSchema } from './store-content.js';

export interface RestoreFlags extends StoreFlags, LongRunFlags {
  /** `-` for standard input. */
  readonly file: string;
  readonly json?: boolean;
}

/** @throws PonosError ARCHIVE_INVALID, FILE_EXISTS, FILE_UNREADABLE, STORE_MISMATCH, ABORTED. Nothing is placed then. */
export async function restoreStore(flags: RestoreFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  await refuseContent(dir);
  let records = 0;
  async function* checked(header: ArchiveHeader, entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
    for await (const entry of entries) {
      records += 1;
      yield entry;
    }
    // Here the checksum is known to be right, and with it what the header says.
    requireKnownSchema(header.schemaVersion);
    if (target.role !== undefined) requireRole(header.role, target.role);
  }
  // Read only once: the backup may come through a pipe.
  const header = await runLong('restore', flags, terminal.stderr, async ({ progress, signal }) => {
    const archive = await openArchive(abortable(readChunks(flags.file, signal), signal));
    await placeStore(dir, progress.entries(checked(archive.header, archive.entries)));
    return archive.header;
  });
  const { role, createdAtMs } = header;
  terminal.print(
    flags.json
      ? JSON.stringify({ dir, role, records, createdAtMs })
      : `${dir}: ${records} records of an ${role}, as of ${formatTime(createdAtMs)}`,
  );
}
