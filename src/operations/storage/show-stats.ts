/** `ponos storage stats`: what is in a store, on paper or as JSON. */

import { formatBytes, formatTime } from '../format.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { abortable, type LongRunFlags, runLong } from './long-run.js';
import { type SourceFlags, selectStore } from './select-store.js';
import { collectStats, type StoreStats } from './stats.js';
import { warnOfDamage, withStoppedStore } from './stopped-store.js';
import { withStorageNode } from './storage-node.js';

export interface StatsFlags extends SourceFlags, LongRunFlags {
  readonly json?: boolean;
}

/** @throws PonosError of the store or the node */
export async function showStats(flags: StatsFlags, terminal: Terminal): Promise<void> {
  const source = await selectStore(flags, terminal.env);
  const stats = await runLong('stats', flags, terminal.stderr, ({ progress, signal }) =>
    source.kind === 'node'
      ? withStorageNode(source, signal, (node) => node.stats())
      : withStoppedStore(source, async (opened) => {
          const { content, dir } = opened;
          const entries = () => progress.entries(abortable(content.entries(), signal));
          const collected = await collectStats({ ...content, entries }, dir);
          await warnOfDamage(opened, terminal.stderr);
          return collected;
        }),
  );
  terminal.print(flags.json ? JSON.stringify(stats, undefined, 2) : renderStats(stats));
}

function renderStats(stats: StoreStats): string {
  const { role, schemaVersion, files, chains, tasks, oldestMs, newestMs, damaged } = stats;
  const facts = [
    ['store', `of an ${role}, schema ${schemaVersion}`],
    [
      'files',
      files ? `${files.files} in ${files.dir}, ${formatBytes(files.bytes)}` : 'none, it is in memory',
    ],
    ...chains.map(({ chainId, lastBlock, lastBlockHash }) => [
      `chain ${chainId}`,
      `read up to block ${lastBlock} (${lastBlockHash})`,
    ]),
    ...(role === 'aggregator' ? [['tasks', renderTasks(tasks)]] : []),
    ['oldest', formatTime(oldestMs)],
    ['newest', formatTime(newestMs)],
    ...(damaged > 0
      ? [['damaged', `${damaged} records; \`ponos storage verify\` lists them, once the node is stopped`]]
      : []),
  ];
  const width = Math.max(...facts.map(([name = '']) => name.length));
  const rows = stats.namespaces.map(({ namespace, records, bytes }) => [
    namespace,
    String(records),
    formatBytes(bytes),
  ]);
  return [
    ...facts.map(([name = '', value]) => `${name.padEnd(width)}  ${value}`),
    '',
    renderTable([['namespace', 'records', 'size'], ...rows]),
  ].join('\n');
}

function renderTasks(tasks: StoreStats['tasks']): string {
  const counted = Object.entries(tasks).map(([status, count]) => `${count} ${status}`);
  return counted.length === 0 ? 'none' : counted.join(', ');
}
