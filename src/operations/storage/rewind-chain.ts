/**
 * `ponos storage chain rewind|forget`: what an operator does when a chain was replaced deeper than the node follows by
 * itself. Both say what becomes of the tasks, and are one atomic write.
 */
import path from 'node:path';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { isFinished, type StoredTask } from '../../store/aggregator-records.js';
import { type AggregatorStore, createAggregatorStore } from '../../store/aggregator-store.js';
import { openLevelStore } from '../../store/level-store.js';
import type { Terminal } from '../terminal.js';
import { type ChainReading, chainOf, readChains } from './chains.js';
import { type StoreDirectory, type StoreFlags, selectDirectory } from './select-store.js';
import { inUse, refuseForRoot, requireRole, requireSound, withStoppedStore } from './stopped-store.js';

export interface ForgetChainFlags extends StoreFlags {
  readonly chain: number;
  readonly json?: boolean;
}

export interface RewindChainFlags extends ForgetChainFlags {
  /** The newest block that is still on the chain. */
  readonly to: number;
}

/** @throws PonosError USAGE when no block at or below `to` is kept, or none is above it; those of the store */
export async function rewindChain(flags: RewindChainFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const reading = await requireReading(target, flags.chain);
  const { chainId, cursor } = reading;
  const ancestor = reading.blocks.find(({ number }) => number <= flags.to);
  if (ancestor === undefined || ancestor.number === cursor.number) throw cannotRewind(flags.to, reading);
  const changed = await changing(target, (store) => store.rewind(chainId, ancestor, systemClock.nowMs()));
  const orphaned = changed.filter(isFinished).length;
  const reopened = changed.length - orphaned;
  if (flags.json) {
    return terminal.print(
      JSON.stringify({ chainId, from: cursor.number, to: ancestor.number, orphaned, reopened }),
    );
  }
  terminal.print(
    `chain ${chainId}: read up to block ${ancestor.number} now, was ${cursor.number}; the node reads on from ${ancestor.number + 1}`,
  );
  if (ancestor.number !== flags.to)
    terminal.print(`  block ${flags.to} is not kept; ${ancestor.number} is the next one below it`);
  terminal.print(`  ${orphaned} tasks of later blocks: failed as reorged, taken up again when found again`);
  return terminal.print(`  ${reopened} tasks whose result was in later blocks: pending again`);
}

/** @throws PonosError USAGE for a chain that was never read, and those of the store */
export async function forgetChain(flags: ForgetChainFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const { chainId, cursor } = await requireReading(target, flags.chain);
  const changed = await changing(target, (store) => store.forgetChain(chainId, systemClock.nowMs()));
  if (flags.json) {
    return terminal.print(JSON.stringify({ chainId, from: cursor.number, orphaned: changed.length }));
  }
  terminal.print(
    `chain ${chainId}: begun anew at startBlock, or where living tasks can be; was read up to block ${cursor.number}`,
  );
  return terminal.print(
    `  ${changed.length} tasks that were not finished or are not past their deadline: failed as reorged, taken up again when found again`,
  );
}

/** A damaged store is not changed: more could be lost. */
async function requireReading(target: StoreDirectory, chain: number): Promise<ChainReading> {
  await refuseForRoot(path.resolve(target.dir));
  return withStoppedStore(target, async (opened) => {
    requireRole(opened.content.role, 'aggregator');
    await requireSound(opened);
    return chainOf(await readChains(opened.store), chain);
  });
}

async function changing(
  { dir }: StoreDirectory,
  change: (store: AggregatorStore) => Promise<StoredTask[]>,
): Promise<StoredTask[]> {
  const options = { dir: path.resolve(dir), syncWrites: true, mustExist: true };
  const store = await openLevelStore(options).catch((error: unknown) => {
    throw inUse(error);
  });
  try {
    return await change(createAggregatorStore(store));
  } finally {
    await store.close();
  }
}

function cannotRewind(to: number, { chainId, cursor, blocks }: ChainReading): PonosError {
  const oldest = blocks.at(-1)?.number;
  if (to >= cursor.number) {
    return new PonosError('USAGE', {
      message: 'the chain was not read further than that block',
      facts: { chain: chainId, to, readUpTo: cursor.number },
      advice: '`ponos storage chain show --chain ID` lists the blocks that are kept.',
    });
  }
  return new PonosError('USAGE', {
    message: 'no block at or below that one is kept',
    facts: { chain: chainId, to, oldest },
    advice: 'Begin the chain anew with `ponos storage chain forget`; startBlock says from where.',
  });
}
