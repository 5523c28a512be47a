import { describe, expect, test } from '@jest/globals';
import { RequestWindow } from '../../../src/chain/endpoint-window.js';
import { type Deferred, deferred } from '../../support/deferred.js';
import { settle } from '../../support/manual-clock.js';

const never = new AbortController().signal;

/** Requests that the test answers itself, and a count of those under way. */
function traffic(window: RequestWindow) {
  const underWay: Deferred<void>[] = [];
  const send = (signal = never) => {
    const answer = deferred();
    return window.run(() => {
      underWay.push(answer);
      return answer.promise;
    }, signal);
  };
  return { underWay, send };
}

describe('a window of requests', () => {
  test('default: as many as it is wide are under way, the others wait for their turn', async () => {
    const { underWay, send } = traffic(new RequestWindow(2));
    const all = [send(), send(), send(), send()];
    await settle();
    expect(underWay).toHaveLength(2);
    underWay[0]?.resolve();
    await settle();
    expect(underWay).toHaveLength(3);
    for (const answer of underWay) answer.resolve();
    await settle();
    for (const answer of underWay) answer.resolve();
    await Promise.all(all);
  });

  test('behavior: is half as wide after a limit, refuses who waits, and widens with answers', async () => {
    const window = new RequestWindow(8);
    const { underWay, send } = traffic(window);
    const sent = Array.from({ length: 10 }, () => send().catch((error: unknown) => error));
    await settle();
    const limit = new Error('too many');
    window.narrow(limit);
    expect(window.width).toBe(4);
    expect(await Promise.all(sent.slice(8))).toEqual([limit, limit]);
    for (const answer of underWay) answer.resolve();
    await Promise.all(sent);
    for (let times = 0; times < 9; times++) window.narrow(limit);
    expect(window.width).toBe(1);
    for (let times = 0; times < 19; times++) await window.run(async () => undefined, never);
    expect(window.width).toBe(1);
    await window.run(async () => undefined, never);
    expect(window.width).toBe(2);
    for (let times = 0; times < 400; times++) await window.run(async () => undefined, never);
    expect(window.width).toBe(8);
  });

  test('behavior: one that is given up while it waits leaves its place', async () => {
    const { underWay, send } = traffic(new RequestWindow(1));
    const first = send();
    const giveUp = new AbortController();
    const second = send(giveUp.signal);
    const third = send();
    giveUp.abort();
    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    underWay[0]?.resolve();
    await first;
    await settle();
    expect(underWay).toHaveLength(2);
    underWay[1]?.resolve();
    await third;
    await expect(send(giveUp.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('behavior: a failure gives the place back too', async () => {
    const window = new RequestWindow(1);
    const failing = window.run(() => Promise.reject(new Error('cut off')), never);
    await expect(failing).rejects.toThrow('cut off');
    await expect(window.run(async () => 'next', never)).resolves.toBe('next');
  });
});
