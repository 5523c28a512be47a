import { describe, expect, test } from '@jest/globals';
import { createKeyedQueue } from '../../../src/store/keyed-queue.js';

/** An action that goes on when it is told to. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('createKeyedQueue', () => {
  test('behavior: one after the other for one key, side by side for others', async () => {
    const queue = createKeyedQueue();
    const log: string[] = [];
    const first = gate();
    const running = [
      queue.run(['a'], async () => {
        log.push('a1 begins');
        await first.opened;
        log.push('a1 ends');
      }),
      queue.run(['a'], async () => log.push('a2')),
      queue.run(['b'], async () => log.push('b')),
    ];
    await turn();
    expect(log).toEqual(['a1 begins', 'b']);
    first.open();
    await Promise.all(running);
    expect(log).toEqual(['a1 begins', 'b', 'a1 ends', 'a2']);
  });

  test('behavior: several keys at once, in opposite orders, do not wait for each other', async () => {
    const queue = createKeyedQueue();
    const log: number[] = [];
    await Promise.all([
      queue.run(['a', 'b'], async () => log.push(1)),
      queue.run(['b', 'a'], async () => log.push(2)),
      queue.run([], async () => log.push(0)),
      queue.run(['a'], async () => log.push(3)),
    ]);
    expect(log.filter((n) => n > 0)).toEqual([1, 2, 3]);
  });

  test('error: a failed action is its caller’s alone', async () => {
    const queue = createKeyedQueue();
    const failing = queue.run(['a'], () => Promise.reject(new Error('no')));
    const next = queue.run(['a'], async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });
});
