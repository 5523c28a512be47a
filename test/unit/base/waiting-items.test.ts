import { describe, expect, test } from '@jest/globals';
import { WaitingItems } from '../../../src/base/waiting-items.js';

const never = new AbortController().signal;

describe('WaitingItems', () => {
  test('default: what waits comes at once, what comes later when it comes, until it is closed', async () => {
    const waiting = new WaitingItems<number>(10);
    waiting.push(1);
    waiting.push(2);
    const taken = waiting.take(never);
    expect((await taken.next()).value).toEqual({ items: [1, 2], leftOut: 0 });
    const next = taken.next();
    waiting.push(3);
    expect((await next).value).toEqual({ items: [3], leftOut: 0 });
    waiting.push(4);
    waiting.close();
    waiting.push(5);
    expect((await taken.next()).value).toEqual({ items: [4], leftOut: 0 });
    expect((await taken.next()).done).toBe(true);
  });

  test('behavior: no more than so many wait, and what was left out is counted', async () => {
    const waiting = new WaitingItems<number>(3);
    for (let item = 1; item <= 8; item += 1) waiting.push(item);
    const taken = waiting.take(never);
    expect((await taken.next()).value).toEqual({ items: [6, 7, 8], leftOut: 5 });
    waiting.push(9);
    expect((await taken.next()).value).toEqual({ items: [9], leftOut: 0 });
  });

  test('behavior: a reader that waits is woken by the end', async () => {
    const waiting = new WaitingItems<number>(3);
    const next = waiting.take(never).next();
    waiting.close();
    expect((await next).done).toBe(true);
  });

  test('error: a reader that gives up, while it waits and before', async () => {
    const stop = new AbortController();
    const waiting = new WaitingItems<number>(3);
    const next = waiting.take(stop.signal).next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ code: 'ABORTED' });
    waiting.push(1);
    await expect(waiting.take(stop.signal).next()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
