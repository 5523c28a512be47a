import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { FairGate } from '../../../src/aggregator/fair-gate.js';
import type { QueuedTask } from '../../../src/aggregator/task-queue.js';
import { chainId, parseAddress, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { settle } from '../../support/manual-clock.js';

const task = (avsNumber: number, n: number, deadlineSeconds = 1000): QueuedTask => ({
  key: `1:${n}`,
  chainId: chainId(1),
  taskId: parseTaskId(`0x${n.toString(16).padStart(64, '0')}`),
  avs: parseAddress(`0x${avsNumber.toString(16).padStart(40, '0')}`),
  deadlineSeconds,
});

/** Who is let in, in order, and what ends the turn of each. */
function world(maxConcurrent: number, avss: number) {
  const gate = new FairGate({ maxConcurrent, avsCount: () => avss });
  const admitted: string[] = [];
  const leaves = new Map<string, () => void>();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const ask = (name: string, one: QueuedTask, signal = stop.signal) =>
    gate.enter(one, signal).then((leave) => {
      admitted.push(name);
      leaves.set(name, leave);
    });
  const end = async (name: string) => {
    leaves.get(name)?.();
    await settle();
  };
  return { gate, admitted, ask, end, stop };
}

describe('FairGate', () => {
  test('default: no more are in at once than may be, and whoever leaves lets in the next', async () => {
    const { admitted, ask, end } = world(2, 1);
    for (const n of [1, 2, 3]) void ask(String(n), task(1, n));
    await settle();
    expect(admitted).toEqual(['1', '2']);
    await end('1');
    expect(admitted).toEqual(['1', '2', '3']);
  });

  test('behavior: the burst of one AVS leaves room for another that comes later', async () => {
    const { admitted, ask, end } = world(4, 2);
    for (let n = 0; n < 100; n += 1) void ask(`burst ${n}`, task(1, n));
    await settle();
    expect(admitted).toEqual(['burst 0', 'burst 1', 'burst 2']);
    void ask('quiet', task(2, 500));
    await settle();
    expect(admitted.at(-1)).toBe('quiet');
    await end('burst 0');
    expect(admitted.at(-1)).toBe('burst 3');
  });

  test('behavior: of one AVS the earliest deadline goes first, whoever asked first at the same time', async () => {
    const { admitted, ask } = world(1, 1);
    void ask('late', task(1, 1, 30));
    void ask('early', task(1, 2, 10));
    await settle();
    expect(admitted).toEqual(['early']);
  });

  test('behavior: one task has as many turns as it asks for, and ending one twice ends no other', async () => {
    const { admitted, ask, end } = world(2, 1);
    for (const name of ['a', 'b', 'c', 'd']) void ask(name, task(1, 1));
    await settle();
    await end('a');
    await end('a');
    expect(admitted).toEqual(['a', 'b', 'c']);
  });

  test('behavior: of work that is done at once, only as much as may be in is done in one turn of the event loop', async () => {
    const { gate, stop } = world(4, 1);
    let done = 0;
    const all = Promise.all(
      Array.from({ length: 40 }, () =>
        gate.pass(task(1, 1), stop.signal, async () => {
          done += 1;
        }),
      ),
    );
    const perTurn: number[] = [];
    while (done < 40) {
      const before = done;
      await nextTurn();
      perTurn.push(done - before);
    }
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(8);
    await all;
  });

  test('behavior: work that fails ends its turn', async () => {
    const { gate, admitted, ask, stop } = world(1, 1);
    const failing = gate.pass(task(1, 1), stop.signal, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    void ask('next', task(1, 2));
    await settle();
    expect(admitted).toEqual(['next']);
  });

  test('error: whoever gives up waiting takes nobody else along', async () => {
    const { admitted, ask, end } = world(1, 1);
    const given = new AbortController();
    void ask('first', task(1, 1));
    await settle();
    const waiting = ask('second', task(1, 2), given.signal);
    void ask('third', task(1, 3));
    given.abort(new PonosError('ABORTED', { message: 'over' }));
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(ask('fourth', task(1, 4), given.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await end('first');
    expect(admitted).toEqual(['first', 'third']);
  });
});
