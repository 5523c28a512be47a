/** `ponos storage verify`: everything that is wrong with a store, and what it means. */
import path from 'node:path';
import { PonosError } from '../../base/error.js';
import type { NamespaceUsage } from '../../store/examine-database.js';
import { describeProblem, judgeProblem } from '../../store/store-problem.js';
import { verifyStore } from '../../store/verify-store.js';
import type { Terminal } from '../terminal.js';
import { abortable, type LongRunFlags, runLong } from './long-run.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { inUse, noRoom, requireRole, requireSomething } from './stopped-store.js';
import { requireKnownSchema } from './store-content.js';

export interface VerifyFlags extends StoreFlags, LongRunFlags {
  readonly json?: boolean;
}

/** @throws PonosError STORE_CORRUPT after the list, when there is a problem; STORE_MISSING, STORE_LOCKED, STORE_MISMATCH */
export async function showProblems(flags: VerifyFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  await requireSomething(dir);
  const { schema, namespaces, problems } = await runLong(
    'verify',
    flags,
    terminal.stderr,
    ({ progress, signal }) =>
      verifyStore(dir, (entries) => progress.entries(abortable(entries, signal))).catch((error: unknown) => {
        throw noRoom(inUse(error));
      }),
  );
  if (schema !== undefined) {
    requireKnownSchema(schema.version);
    if (target.role !== undefined) requireRole(schema.role, target.role);
  }
  const role = schema?.role ?? target.role;
  const judged = problems.map((problem) => ({
    ...problem,
    ...(role && judgeProblem(role, problem)),
  }));
  if (flags.json) {
    terminal.print(JSON.stringify({ dir, schema, namespaces, problems: judged }, undefined, 2));
  } else {
    for (const problem of judged) {
      terminal.print(
        `${describeProblem(problem)}${problem.consequence === undefined ? '' : `\n  → ${problem.consequence}`}`,
      );
    }
  }
  if (problems.length > 0) throw damaged(dir, problems.length);
  if (!flags.json)
    terminal.print(`${dir}: ${countRecords(namespaces)} records of an ${role}, all of them sound`);
}

function countRecords(namespaces: readonly NamespaceUsage[]): number {
  return namespaces.reduce((sum, { records }) => sum + records, 0);
}

function damaged(dir: string, problems: number): PonosError {
  return new PonosError('STORE_CORRUPT', {
    message: 'the store is damaged',
    facts: { dir, problems },
    advice:
      'Restore a backup into another directory, or go on without what is lost after `ponos storage repair`.',
  });
}
