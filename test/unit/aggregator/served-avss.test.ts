import { describe, expect, test } from '@jest/globals';
import {
  openServedAvss,
  type ServedAvs,
  type ServedAvssOptions,
} from '../../../src/aggregator/served-avss.js';
import { blockNumber, chainId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock } from '../../support/manual-clock.js';
import { AVS, operatorAddress } from './world.js';

const [L1, L2] = [chainId(31_337), chainId(31_338)];
const OTHER = operatorAddress(9);

const start = (
  configured: readonly ServedAvs[],
  store: Pick<AggregatorStore, 'avss'> = createAggregatorStore(createMemoryStore()),
  chainIds = [L1, L2],
  endReading: ServedAvssOptions['endReading'] = async () => undefined,
) => openServedAvss({ configured, chainIds, store, endReading, clock: manualClock() });

describe('served AVSs', () => {
  test('default: those of the configuration, on their chains', async () => {
    const served = await start([{ avs: AVS, chainIds: [L1] }]);
    expect([served.serves(AVS, L1), served.serves(AVS, L2), served.serves(OTHER, L1)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(served.overrides).toEqual([]);
  });

  test('behavior: a registration adds to the configuration, and outlives a restart', async () => {
    const store = createAggregatorStore(createMemoryStore());
    const served = await start([{ avs: AVS, chainIds: [L1] }], store);
    expect(await served.register(OTHER, [L2, L1, L2])).toEqual([L1, L2]);
    const restarted = await start([{ avs: AVS, chainIds: [L1] }], store);
    for (const each of [served, restarted]) {
      expect(each.all).toEqual([
        { avs: AVS, chainIds: [L1] },
        { avs: OTHER, chainIds: [L1, L2] },
      ]);
      expect(each.isRegistered(OTHER)).toBe(true);
    }
  });

  test('behavior: what was said at run time holds over the configuration, until it is said otherwise', async () => {
    const store = createAggregatorStore(createMemoryStore());
    const configured = [{ avs: AVS, chainIds: [L1, L2] }];
    await (await start(configured, store)).deregister(AVS);
    const second = await start(configured, store);
    expect(second.serves(AVS, L1)).toBe(false);
    expect(second.overrides).toMatchObject([{ avs: AVS, chainIds: [] }]);
    await second.register(AVS, [L2]);
    const third = await start(configured, store);
    expect(third.all).toEqual([{ avs: AVS, chainIds: [L2] }]);
    expect(await third.register(AVS, [L1, L2])).toEqual([L1]);
    expect(third.overrides).toEqual([]);
  });

  test('behavior: what is still being read of an earlier time has ended before that is forgotten', async () => {
    const store = createAggregatorStore(createMemoryStore());
    const ended: unknown[] = [];
    // As a reading that was under way when the AVS was deregistered: its last step is stored late.
    const endReading: ServedAvssOptions['endReading'] = async (avs, chainIds) => {
      ended.push([avs, chainIds]);
      for (const on of chainIds) {
        await store.saveBackfill({ chainId: on, avs, next: blockNumber(7), last: blockNumber(9) }, []);
      }
    };
    const served = await start([{ avs: AVS, chainIds: [L1, L2] }], store, [L1, L2], endReading);
    await served.register(AVS, [L1]);
    await served.register(AVS, [L1, L2]);
    expect(ended).toEqual([
      [AVS, []],
      [AVS, [L2]],
    ]);
    expect(await store.avss.backfill(L2, AVS)).toBeUndefined();
  });

  test('behavior: tasks of a deregistered AVS are finished, those of one that was never ours are not', async () => {
    const served = await start([{ avs: AVS, chainIds: [L1] }]);
    await served.deregister(AVS);
    expect([served.serves(AVS, L1), served.finishes(AVS, L1), served.finishes(OTHER, L1)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('behavior: where an AVS was not served for a while, its blocks are read anew', async () => {
    const store = createAggregatorStore(createMemoryStore());
    const done = { avs: AVS, next: blockNumber(10), last: blockNumber(9) };
    const served = await start([{ avs: AVS, chainIds: [L1, L2] }], store);
    for (const chain of [L1, L2]) await store.saveBackfill({ ...done, chainId: chain }, []);
    await served.register(AVS, [L1]);
    expect((await store.avss.backfills()).map(({ chainId: chain }) => chain)).toEqual([L1]);
    // Out of the configuration of this start, and never registered: the same.
    await store.saveBackfill({ ...done, avs: OTHER, chainId: L1 }, []);
    await start([], store);
    expect((await store.avss.backfills()).map(({ avs }) => avs)).toEqual([AVS]);
  });

  test('behavior: a chain that is not watched any more does not count', async () => {
    const store = createAggregatorStore(createMemoryStore());
    await (await start([], store)).register(AVS, [L2]);
    expect((await start([], store, [L1])).all).toEqual([]);
  });

  test('error: what cannot be stored has not happened', async () => {
    const { avss } = createAggregatorStore(createMemoryStore());
    const full = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    const served = await start([{ avs: AVS, chainIds: [L1] }], {
      avss: { ...avss, saveRegistration: () => Promise.reject(full) },
    });
    await expect(served.register(OTHER, [L1])).rejects.toBe(full);
    await expect(served.deregister(AVS)).rejects.toBe(full);
    expect(served.all).toEqual([{ avs: AVS, chainIds: [L1] }]);
  });

  test('error: an AVS that is not served cannot be deregistered', async () => {
    const served = await start([]);
    await expect(served.deregister(AVS)).rejects.toMatchObject({ code: 'AVS_UNKNOWN' });
  });
});
