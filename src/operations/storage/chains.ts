/** `ponos storage chain show`: how far an aggregator has read each chain, and by which blocks it recognises it. */
import type { ChainId } from '../../base/brands.js';
import { PonosError } from '../../base/error.js';
import type { BlockRef } from '../../store/aggregator-history.js';
import { chainOfKey } from '../../store/aggregator-keys.js';
import { createAggregatorStore } from '../../store/aggregator-store.js';
import type { KeyValueStore } from '../../store/key-value-store.js';
import { keysBelow } from '../../store/store-key.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { requireRole, warnOfDamage, withStoppedStore } from './stopped-store.js';

export interface ShowChainsFlags extends StoreFlags {
  /** Only this one, with its blocks. */
  readonly chain?: number;
  readonly json?: boolean;
}

export interface ChainReading {
  readonly chainId: ChainId;
  readonly cursor: BlockRef;
  /** Tasks that are neither completed nor failed. */
  readonly unfinished: number;
  /** The newest first. */
  readonly blocks: readonly BlockRef[];
}

/** @throws PonosError USAGE for a chain that was never read, and those of the store */
export async function showChains(flags: ShowChainsFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const readings = await withStoppedStore(target, async (opened) => {
    requireRole(opened.content.role, 'aggregator');
    await warnOfDamage(opened, terminal.stderr);
    const all = await readChains(opened.store);
    return flags.chain === undefined ? all : [chainOf(all, flags.chain)];
  });
  if (flags.json) return terminal.print(JSON.stringify(readings));
  const heading = ['chain', 'read up to', 'hash', 'blocks kept', 'unfinished tasks'];
  const rows = readings.map(({ chainId, cursor, unfinished, blocks }) => [
    String(chainId),
    String(cursor.number),
    cursor.hash,
    blocks.length === 0 ? 'none' : `${blocks.length}, from ${blocks.at(-1)?.number}`,
    String(unfinished),
  ]);
  terminal.print(rows.length === 0 ? 'no chain was read yet' : renderTable([heading, ...rows]));
  if (flags.chain === undefined) return undefined;
  const blocks = readings.flatMap((reading) => reading.blocks);
  return terminal.print(
    `\n${renderTable([['block', 'hash'], ...blocks.map(({ number, hash }) => [String(number), hash])])}`,
  );
}

/** Every chain that was read, by id. */
export async function readChains(store: KeyValueStore): Promise<ChainReading[]> {
  const aggregator = createAggregatorStore(store);
  const unfinished = new Map<ChainId, number>();
  for (const { chainId } of await aggregator.unfinishedTasks()) {
    unfinished.set(chainId, (unfinished.get(chainId) ?? 0) + 1);
  }
  const readings: ChainReading[] = [];
  for await (const { key } of store.scan(keysBelow('cursor'))) {
    const chainId = chainOfKey(key);
    const cursor = await aggregator.cursor(chainId);
    if (cursor === undefined) continue;
    const blocks = await aggregator.recentBlocks(chainId);
    readings.push({ chainId, cursor, unfinished: unfinished.get(chainId) ?? 0, blocks });
  }
  return readings;
}

/** @throws PonosError USAGE when there is none */
export function chainOf(readings: readonly ChainReading[], id: number): ChainReading {
  const found = readings.find(({ chainId }) => chainId === id);
  if (found !== undefined) return found;
  throw new PonosError('USAGE', {
    message: 'the store knows nothing of this chain',
    facts: { chain: id, known: readings.map(({ chainId }) => chainId).join(', ') },
    advice: '`ponos storage chain show` lists the chains that were read.',
  });
}
