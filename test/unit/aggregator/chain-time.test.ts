import { describe, expect, test } from '@jest/globals';
import { ChainTime } from '../../../src/aggregator/chain-time.js';
import { blockNumber, parseHash32 } from '../../../src/base/brands.js';
import type { Block } from '../../../src/chain/block.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';
import { type ManualClock, manualClock, settle } from '../../support/manual-clock.js';

const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const block = (number: number, timestampSeconds: number): Block => ({
  number: blockNumber(number),
  hash: hash(number),
  parentHash: hash(number - 1),
  timestampSeconds,
  baseFeePerGas: undefined,
});

function world(): { clock: ManualClock; heads: HeadTracker; time: ChainTime } {
  const clock = manualClock(50_000_000);
  const heads = new HeadTracker();
  return { clock, heads, time: new ChainTime(clock, heads, block(1, 1_000)) };
}
const never = new AbortController().signal;

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await settle();
  return settled;
}

describe('ChainTime', () => {
  test('default: between heads the time goes on from the last one, whatever this machine believes', async () => {
    const { clock, heads, time } = world();
    await clock.advance(3_000);
    expect(time.nowSeconds()).toBe(1_003);
    heads.update(block(2, 1_004));
    expect(time.nowSeconds()).toBe(1_004);
  });

  test('default: a deadline is reached by the time that passes', async () => {
    const { clock, time } = world();
    const reached = time.until(1_005, never);
    await clock.advance(4_999);
    expect(await isSettled(reached)).toBe(false);
    await clock.advance(1);
    expect(await isSettled(reached)).toBe(true);
  });

  test('behavior: a head far ahead of the estimate reaches deadlines at once', async () => {
    const { heads, time } = world();
    const reached = time.until(1_600, never);
    heads.update(block(2, 2_000));
    expect(await isSettled(reached)).toBe(true);
  });

  test('behavior: a head behind the estimate puts deadlines off', async () => {
    const { clock, heads, time } = world();
    const reached = time.until(1_010, never);
    await clock.advance(9_000);
    heads.update(block(2, 1_001));
    await clock.advance(8_000);
    expect(await isSettled(reached)).toBe(false);
    await clock.advance(1_000);
    expect(await isSettled(reached)).toBe(true);
  });

  test('behavior: a date that is set, forth or back, changes neither the time nor when a deadline is reached', async () => {
    const { clock, time } = world();
    const reached = time.until(1_005, never);
    await clock.advance(2_000);
    clock.step(3_600_000);
    expect(time.nowSeconds()).toBe(1_002);
    await clock.advance(2_999);
    expect(await isSettled(reached)).toBe(false);
    clock.step(-7_200_000);
    expect(time.nowSeconds()).toBe(1_004.999);
    await clock.advance(1);
    expect(await isSettled(reached)).toBe(true);
  });

  test('behavior: nextHead waits for another block than the present one', async () => {
    const { heads, time } = world();
    const next = time.nextHead(never);
    heads.update(block(1, 1_000));
    expect(await isSettled(next)).toBe(false);
    heads.update(block(2, 1_001));
    expect(await isSettled(next)).toBe(true);
    expect(time.head.number).toBe(2);
  });

  test('error: both waits end with the signal and leave no sleeper', async () => {
    const { clock, time } = world();
    const stop = new AbortController();
    const waits = [time.until(1e12, stop.signal), time.nextHead(stop.signal)];
    const rejections = waits.map((wait) => expect(wait).rejects.toMatchObject({ code: 'ABORTED' }));
    stop.abort();
    await Promise.all(rejections);
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: after close it hears of no head any more', () => {
    const { heads, time } = world();
    time.close();
    heads.update(block(2, 9_000));
    expect(time.head.number).toBe(1);
  });
});
