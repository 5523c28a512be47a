/** `ponos storage repair`: a damaged store made usable again, without what is lost. */
import path from 'node:path';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { mendStore } from '../../store/mend-store.js';
import { describeProblem, judgeProblem } from '../../store/store-problem.js';
import { verifyStore } from '../../store/verify-store.js';
import type { Terminal } from '../terminal.js';
import { type StoreDirectory, type StoreFlags, selectDirectory } from './select-store.js';
import { inUse, refuseForRoot, requireRole, requireSomething } from './stopped-store.js';
import { requireKnownSchema } from './store-content.js';

export interface RepairFlags extends StoreFlags {
  readonly json?: boolean;
}

/** @throws PonosError USAGE for root, and when neither the store nor `--role` tells the role; STORE_LOCKED, STORE_CORRUPT, STORE_MISMATCH */
export async function repairStore(flags: RepairFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const dir = path.resolve(target.dir);
  await requireSomething(dir);
  await refuseForRoot(dir);
  const fail = (error: unknown) => {
    throw inUse(error);
  };
  const role = await roleOf(target, dir).catch(fail);
  const { lost, copy } = await mendStore(dir, role, systemClock.nowMs()).catch(fail);
  const losses = lost.map((problem) => ({ ...problem, ...judgeProblem(role, problem) }));
  if (flags.json) {
    terminal.print(JSON.stringify({ dir, role, lost: losses, copy }, undefined, 2));
    return;
  }
  for (const loss of losses) terminal.print(`${describeProblem(loss)}\n  → ${loss.consequence}`);
  terminal.print(
    copy === undefined
      ? `${dir}: nothing is wrong, nothing was changed`
      : `${dir}: usable again; the files as they were are in ${copy}`,
  );
}

async function roleOf({ role }: StoreDirectory, dir: string) {
  const { schema } = await verifyStore(dir);
  if (schema !== undefined) {
    requireKnownSchema(schema.version);
    if (role !== undefined) requireRole(schema.role, role);
    return schema.role;
  }
  if (role !== undefined) return role;
  throw new PonosError('USAGE', {
    message: 'the store does not tell any more whose it is',
    facts: { dir },
    advice: 'Give --role aggregator or --role executor.',
  });
}
