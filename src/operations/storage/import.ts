/** `ponos storage import`: an export as a store again, or what another executor has signed taken up by this one. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createExecutorStore } from '../../store/executor-store.js';
import type { Entry } from '../../store/key-value-store.js';
import { openStore } from '../../store/open-store.js';
import { storeError } from '../../store/store-error.js';
import { claimStore } from '../../store/store-schema.js';
import type { Terminal } from '../terminal.js';
import { readChunks, readText } from './chunks.js';
import { openExport } from './export-lines.js';
import { abortable, type LongRunFlags, runLong } from './long-run.js';
import { requireOperator } from './named-operator.js';
import { placeStore, refuseContent } from './place-store.js';
import { type StoreDirectory, type StoreFlags, selectDirectory } from './select-store.js';
import { mergeSlashingProtection, parseSlashingProtection } from './slashing-protection.js';
import { inUse, refuseForRoot, requireRole, requireSound, withStoppedStore } from './stopped-store.js';
import { requireKnownSchema } from './store-content.js';

export interface ImportFlags extends StoreFlags, LongRunFlags {
  /** `-` for standard input. */
  readonly file: string;
  readonly slashingProtection?: boolean;
  readonly json?: boolean;
}

/** @throws PonosError ARCHIVE_INVALID, FILE_EXISTS, FILE_UNREADABLE, STORE_MISMATCH, REQUEST_CONFLICT, ABORTED. Nothing is changed then. */
export async function importStore(flags: ImportFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  if (flags.slashingProtection) return importSlashingProtection(flags, target, terminal);
  const dir = path.resolve(target.dir);
  await refuseContent(dir);
  const { role, records } = await runLong('import', flags, terminal.stderr, async (run) => {
    const { header, entries } = await openExport(readChunks(flags.file, run.signal));
    requireKnownSchema(header.schemaVersion);
    if (target.role !== undefined) requireRole(header.role, target.role);
    const count = { records: 0 };
    await placeStore(dir, run.progress.entries(abortable(counted(entries, count), run.signal)));
    return { role: header.role, ...count };
  });
  terminal.print(
    flags.json ? JSON.stringify({ dir, role, records }) : `${dir}: ${records} records of an ${role}`,
  );
}

async function* counted(entries: AsyncIterable<Entry>, count: { records: number }): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    count.records += 1;
    yield entry;
  }
}

/** Into the store of an executor, which may be yet to be made. */
async function importSlashingProtection(
  flags: ImportFlags,
  { dir: named, role }: StoreDirectory,
  terminal: Terminal,
): Promise<void> {
  const dir = path.resolve(named);
  if (role !== undefined) requireRole('executor', role);
  await refuseForRoot(dir);
  const { operator, answered } = parseSlashingProtection(await readText(flags.file));
  // Another role's or operator's store, or a damaged one, is refused before it is opened for writing.
  if (!(await isEmpty(dir)))
    await withStoppedStore({ kind: 'directory', dir, role: 'executor' }, async (opened) => {
      requireOperator(operator, opened.content.operator);
      await requireSound(opened);
    });
  const store = await openStore(
    { type: 'level', badger: { inMemory: false }, level: { dir, syncWrites: true } },
    'executor',
  ).catch((error: unknown) => {
    throw inUse(error);
  });
  try {
    const added = await mergeSlashingProtection(createExecutorStore(store), answered);
    await claimStore(store, 'executor', { operator });
    const known = answered.length - added;
    terminal.print(
      flags.json
        ? JSON.stringify({ dir, added, known })
        : `${dir}: ${added} answered tasks taken up, ${known} were known`,
    );
  } finally {
    await store.close();
  }
}

async function isEmpty(dir: string): Promise<boolean> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw storeError(error, dir);
    return [];
  });
  return names.length === 0;
}
