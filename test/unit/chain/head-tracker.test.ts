import { describe, expect, test } from '@jest/globals';
import { blockNumber, type Hash32 } from '../../../src/base/brands.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';

const block = (number: number) => ({
  number: blockNumber(number),
  hash: `0x${number}` as Hash32,
  parentHash: `0x${number - 1}` as Hash32,
  timestampSeconds: 1000 + number,
  baseFeePerGas: 1n,
});

describe('HeadTracker', () => {
  test('default: tells each new head once', () => {
    const heads = new HeadTracker();
    const seen: number[] = [];
    const unsubscribe = heads.subscribe(({ number }) => seen.push(number));
    for (const number of [1, 1, 2]) heads.update(block(number));
    unsubscribe();
    heads.update(block(3));
    expect(seen).toEqual([1, 2]);
    expect(heads.latest?.number).toBe(3);
  });

  test('behavior: a wait ends at the first head that fits, the present one included', async () => {
    const heads = new HeadTracker();
    heads.update(block(1));
    await expect(heads.waitFor(({ number }) => number >= 1)).resolves.toMatchObject({ number: 1 });
    const waiting = heads.waitFor(({ timestampSeconds }) => timestampSeconds > 1002);
    for (const number of [2, 3, 4]) heads.update(block(number));
    await expect(waiting).resolves.toMatchObject({ number: 3 });
  });

  test('behavior: it is awaited from the first wait to the end of the last, aborted ones included', async () => {
    const heads = new HeadTracker();
    const abort = new AbortController();
    heads.update(block(1));
    await heads.waitFor(({ number }) => number === 1);
    expect(heads.isAwaited).toBe(false);
    const first = heads.waitFor(({ number }) => number === 2);
    const second = heads.waitFor(() => false, abort.signal);
    expect(heads.isAwaited).toBe(true);
    heads.update(block(2));
    await first;
    expect(heads.isAwaited).toBe(true);
    abort.abort();
    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    expect(heads.isAwaited).toBe(false);
  });

  test('error: an aborted wait', async () => {
    const heads = new HeadTracker();
    const abort = new AbortController();
    const waiting = heads.waitFor(() => false, abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(heads.waitFor(() => true, abort.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
