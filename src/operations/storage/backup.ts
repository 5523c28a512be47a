/** `ponos storage backup`: a store as one file. */
import path from 'node:path';
import { systemClock } from '../../base/clock.js';
import { formatBytes } from '../format.js';
import type { Terminal } from '../terminal.js';
import { encodeArchive, inspectArchive } from './archive.js';
import { backupHeader } from './backup-header.js';
import { readChunks } from './chunks.js';
import { abortable, type LongRun, type LongRunFlags, runLong } from './long-run.js';
import { type SourceFlags, selectStore } from './select-store.js';
import { requireSound, withStoppedStore } from './stopped-store.js';
import { withStorageNode } from './storage-node.js';
import { writeAside } from './write-aside.js';

export interface BackupFlags extends SourceFlags, LongRunFlags {
  readonly output: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** @throws PonosError of the store or the node; FILE_EXISTS, FILE_UNWRITABLE; ABORTED. No file is left then. */
export async function backupStore(flags: BackupFlags, terminal: Terminal): Promise<void> {
  const source = await selectStore(flags, terminal.env);
  const file = path.resolve(flags.output);
  const write = (archive: AsyncIterable<Uint8Array>, { signal }: LongRun) =>
    writeArchive(file, abortable(archive, signal), flags.force === true);
  const made = await runLong('backup', flags, terminal.stderr, (run) =>
    source.kind === 'node'
      ? withStorageNode(source, run.signal, (node) => write(run.progress.chunks(node.backup()), run))
      : withStoppedStore(source, async (opened) => {
          await requireSound(opened);
          const { content } = opened;
          const entries = run.progress.entries(content.soundEntries());
          return write(encodeArchive(backupHeader(content, systemClock), entries), run);
        }),
  );
  const { role, records, bytes } = made;
  terminal.print(
    flags.json
      ? JSON.stringify({ file, role, records, bytes })
      : `${file}: ${records} records of an ${role}, ${formatBytes(bytes)}`,
  );
}

/** Read back before it gets its name: neither a broken connection nor a disk makes half a backup. */
async function writeArchive(file: string, archive: AsyncIterable<Uint8Array>, overwrite: boolean) {
  let found: Awaited<ReturnType<typeof inspectArchive>> | undefined;
  const bytes = await writeAside(file, archive, {
    overwrite,
    check: async (part) => {
      found = await inspectArchive(readChunks(part));
    },
  });
  return { bytes, role: found?.header.role, records: found?.records };
}
