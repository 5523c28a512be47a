import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keptSlots, type QueuedTask, TaskQueue } from '../../../src/aggregator/task-queue.js';
import { chainId, parseAddress, parseTaskId } from '../../../src/base/brands.js';

const avs = (n: number) => parseAddress(`0x${n.toString(16).padStart(40, '0')}`);
const task = (avsNumber: number, n: number, deadlineSeconds = 1000): QueuedTask => ({
  key: `1:${n}`,
  chainId: chainId(1),
  taskId: parseTaskId(`0x${n.toString(16).padStart(64, '0')}`),
  avs: avs(avsNumber),
  deadlineSeconds,
});
const queueOf = (maxConcurrent: number, avss = 1) =>
  new TaskQueue<QueuedTask>({ maxConcurrent, avsCount: () => avss });
const drain = (queue: TaskQueue<QueuedTask>) => {
  const keys: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) keys.push(next.key);
  return keys;
};

describe('TaskQueue', () => {
  test('default: the earliest deadline of an AVS goes first, equal ones in order of arrival', () => {
    const queue = queueOf(10);
    for (const [n, deadline] of [
      [1, 30],
      [2, 10],
      [3, 20],
      [4, 10],
    ] as const)
      queue.add(task(1, n, deadline));
    expect(drain(queue)).toEqual(['1:2', '1:4', '1:3', '1:1']);
  });

  test('behavior: no more than maxConcurrent tasks run; a released slot admits the next', () => {
    const queue = queueOf(2);
    const first = task(1, 1);
    for (const one of [first, task(1, 2), task(1, 3)]) queue.add(one);
    expect(drain(queue)).toEqual(['1:1', '1:2']);
    queue.release(first);
    expect(drain(queue)).toEqual(['1:3']);
    expect(queue.running).toBe(2);
  });

  test('behavior: a burst of one AVS does not delay another that comes later', () => {
    const queue = queueOf(4);
    const burst = Array.from({ length: 100 }, (_, n) => task(1, n));
    for (const one of burst) queue.add(one);
    expect(drain(queue)).toHaveLength(4);
    queue.add(task(2, 500));
    queue.release(burst[0] ?? task(1, 0));
    expect(queue.take()?.avs).toBe(avs(2));
  });

  test('default: half of the slots are kept in equal parts, all are free for the only AVS', () => {
    const cases: readonly [slots: number, avss: number, kept: number][] = [
      [256, 1, 0],
      [256, 2, 64],
      [256, 50, 2],
      [256, 128, 1],
      [256, 256, 1],
      [256, 257, 0],
      [1, 1, 0],
      [1, 2, 0],
      [2, 2, 1],
      [3, 2, 1],
    ];
    for (const [slots, avss, kept] of cases)
      expect([slots, avss, keptSlots(slots, avss)]).toEqual([slots, avss, kept]);
  });

  test('behavior: bursts of some AVSs leave each of the others its part at once', () => {
    const queue = queueOf(16, 4);
    for (let n = 0; n < 100; n++) queue.add(task(1, n));
    expect(drain(queue)).toHaveLength(10);
    for (let n = 100; n < 200; n++) queue.add(task(2, n));
    expect(drain(queue)).toHaveLength(2);
    for (const n of [3, 4]) queue.add(task(n, n * 100));
    expect(drain(queue)).toEqual(['1:300', '1:400']);
    expect(queue.running).toBe(14);
  });

  test('behavior: AVSs with equally many running tasks take turns', () => {
    const queue = queueOf(6);
    for (let n = 0; n < 6; n++) queue.add(task(1, n));
    for (let n = 10; n < 16; n++) queue.add(task(2, n));
    for (let n = 20; n < 26; n++) queue.add(task(3, n));
    const order = drain(queue).map((key) => Math.floor(Number(key.slice(2)) / 10));
    expect(order).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('behavior: a waiting task can be taken out, a running one cannot', () => {
    const queue = queueOf(1);
    queue.add(task(1, 1));
    queue.add(task(1, 2));
    queue.take();
    expect(queue.remove('1:1')).toBeUndefined();
    expect(queue.remove('1:2')?.key).toBe('1:2');
    expect(queue.waiting).toBe(0);
  });

  test('behavior: a task added again waits once, where its new deadline belongs', () => {
    const queue = queueOf(4);
    queue.add(task(1, 1, 10));
    queue.add(task(1, 2, 20));
    queue.add(task(1, 1, 30));
    expect(queue.waiting).toBe(2);
    expect(drain(queue)).toEqual(['1:2', '1:1']);
  });

  test('behavior: whatever is added is taken once, and slots never run over', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ avs: fc.integer({ min: 1, max: 5 }), deadline: fc.nat(50) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        (specs, slots) => {
          const queue = queueOf(slots);
          specs.forEach((spec, n) => {
            queue.add(task(spec.avs, n, spec.deadline));
          });
          const running: QueuedTask[] = [];
          const seen: string[] = [];
          while (queue.waiting > 0) {
            for (let next = queue.take(); next !== undefined; next = queue.take()) {
              running.push(next);
              seen.push(next.key);
            }
            expect(running.length).toBeLessThanOrEqual(slots);
            const done = running.shift();
            if (done) queue.release(done);
          }
          expect(new Set(seen).size).toBe(specs.length);
          expect(seen).toHaveLength(specs.length);
        },
      ),
    );
  });
});
