/** `ponos storage export`: a store, or what protects an executor from slashing, as text. */
import path from 'node:path';
import type { Terminal } from '../terminal.js';
import { readChunks, readText } from './chunks.js';
import { encodeExport, openExport } from './export-lines.js';
import { abortable, type LongRun, type LongRunFlags, runLong } from './long-run.js';
import { type SourceFlags, selectStore } from './select-store.js';
import { answersOf, encodeSlashingProtection, parseSlashingProtection } from './slashing-protection.js';
import { requireSound, withStoppedStore } from './stopped-store.js';
import { withStorageNode } from './storage-node.js';
import { writeAside } from './write-aside.js';

export interface ExportFlags extends SourceFlags, LongRunFlags {
  /** `-` for standard output. */
  readonly output: string;
  readonly slashingProtection?: boolean;
  readonly force?: boolean;
}

/** @throws PonosError of the store or the node; FILE_EXISTS, FILE_UNWRITABLE; ABORTED. No file is left then. */
export async function exportStore(flags: ExportFlags, terminal: Terminal): Promise<void> {
  const source = await selectStore(flags, terminal.env);
  const slashingProtection = flags.slashingProtection === true;
  const write = (text: AsyncIterable<Uint8Array | string>, { signal }: LongRun) =>
    writeExport(flags, abortable(text, signal), terminal);
  await runLong('export', flags, terminal.stderr, (run) =>
    source.kind === 'node'
      ? withStorageNode(source, run.signal, (node) =>
          write(run.progress.chunks(node.export({ slashingProtection })), run),
        )
      : withStoppedStore(source, async (opened) => {
          const { content } = opened;
          const answers = slashingProtection ? answersOf(content) : undefined;
          await requireSound(opened);
          await write(
            answers === undefined
              ? encodeExport(content, run.progress.entries(content.soundEntries()))
              : encodeSlashingProtection(answers),
            run,
          );
        }),
  );
}

async function writeExport(
  { output, slashingProtection, force }: ExportFlags,
  text: AsyncIterable<Uint8Array | string>,
  terminal: Terminal,
): Promise<void> {
  if (output === '-') return terminal.pour(text);
  const file = path.resolve(output);
  await writeAside(file, text, {
    overwrite: force === true,
    check: async (part) => {
      if (slashingProtection) parseSlashingProtection(await readText(part));
      else for await (const _entry of (await openExport(readChunks(part))).entries);
    },
  });
  terminal.print(`${file} is written`);
}
