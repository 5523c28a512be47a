/** A thousand submissions a second from strangers: they cost no call of the chain, none of the performer, no memory. */
import { describe, expect, test } from '@jest/globals';
import { isPonosError } from '../../src/base/error.js';
import type { TaskSubmission } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { executorWorld, PEER } from '../support/executor-world.js';

type World = Awaited<ReturnType<typeof executorWorld>>;

const address = (index: number) => `0x${index.toString(16).padStart(40, '0')}`;
const peerOf = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:4711`;

/** Each from another peer, so that no limit per peer helps; all refused. */
async function submit(world: World, make: (index: number) => TaskSubmission): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  for (let index = 0; index < 1000; index += 1) {
    const error = await world.flow.submit(make(index), peerOf(index)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const code = isPonosError(error) ? error.code : 'answered';
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return codes;
}

/** What 1,000 submissions within one second have cost, after an honest one was answered. */
async function costOf(
  make: (signed: TaskSubmission, index: number) => TaskSubmission,
  state: Partial<World['state']> = {},
) {
  const world = await executorWorld({ requestsPerSecond: 10 });
  Object.assign(world.state, state);
  const signed = world.submission();
  await world.flow.submit(signed, PEER);
  // A chain client keeps what it was answered of a numbered block.
  const kept = new Set(world.reads.filter((read) => read.includes('@')));
  const before = { reads: world.reads.length, runs: world.runs.length };
  const codes = await submit(world, (index) => make(signed, index));
  return {
    codes: Object.fromEntries(codes),
    reads: world.reads.slice(before.reads).filter((read) => !kept.has(read)),
    runs: world.runs.length - before.runs,
    inFlight: world.flow.inFlight,
  };
}

const changed = (signed: TaskSubmission, changes: Partial<TaskSubmission>): TaskSubmission => ({
  ...signed,
  ...changes,
});

describe('1,000 submissions in a second, each from another address', () => {
  test.each<[string, string, (signed: TaskSubmission, index: number) => TaskSubmission]>([
    ['malformed', 'REQUEST_INVALID', (signed) => changed(signed, { taskId: 'x'.repeat(10_000) })],
    ['too large', 'REQUEST_INVALID', (signed) => changed(signed, { payload: Buffer.alloc(2_000) })],
    [
      'for another operator',
      'REQUEST_DENIED',
      (signed, i) => changed(signed, { executorAddress: address(i) }),
    ],
    [
      'by aggregators that are none, of blocks all over the chain',
      'REQUEST_DENIED',
      (signed, i) =>
        changed(signed, {
          aggregatorAddress: address(i + 1),
          taskBlockNumber: BigInt(600 + (i % 400)),
          taskId: `0x${i.toString(16).padStart(64, '0')}`,
        }),
    ],
    [
      'of blocks that are far ahead',
      'REQUEST_LIMIT',
      (signed, i) => changed(signed, { taskBlockNumber: BigInt(2_000_000 + i) }),
    ],
  ])('behavior: %s: no read, no run', async (_name, code, make) => {
    expect(await costOf(make)).toEqual({ codes: { [code]: 1000 }, reads: [], runs: 0, inFlight: 0 });
  });

  test('behavior: in the name of an AVS that is not served: no read, no run', async () => {
    const world = await executorWorld();
    world.state.performer = 'missing';
    const signed = world.submission();
    const codes = await submit(world, (i) => changed(signed, { avsAddress: address(i) }));
    expect(Object.fromEntries(codes)).toEqual({ PERFORMER_MISSING: 1000 });
    expect(world.reads).toEqual([]);
  });

  const forged = (signed: TaskSubmission, i: number) =>
    changed(signed, { signature: Buffer.alloc(65, 7), taskBlockNumber: BigInt(600 + (i % 400)) });

  test('behavior: in the name of the true aggregator: one look into the past, then none, and no run', async () => {
    const { codes, reads, runs } = await costOf(forged);
    expect(codes).toEqual({ REQUEST_DENIED: 1000 });
    // The block below all these that is asked for whole days of them.
    expect(reads).toEqual(['key of set 0@0']);
    expect(runs).toBe(0);
  });

  test('behavior: in the name of one that has changed its key lately: five looks a second, and no run', async () => {
    const { codes, reads, runs } = await costOf(forged, { aggregatorKeyFrom: 850 });
    // What names blocks since the first honest submission needs no look.
    expect(codes).toEqual({ REQUEST_DENIED: 205, REQUEST_LIMIT: 795 });
    expect(reads.length).toBeLessThanOrEqual(15);
    expect(runs).toBe(0);
  });
});

describe('limits per peer', () => {
  test('behavior: one peer, one /64 of IPv6, has one rate; others are answered', async () => {
    const world = await executorWorld({ requestsPerSecond: 10 });
    const outcomes: string[] = [];
    const signed = world.submission();
    for (let index = 0; index < 100; index += 1) {
      const peer = `2001:db8:1:2:${index.toString(16)}::1:4711`;
      await world.flow.submit(signed, peer).then(
        () => outcomes.push('answered'),
        (error: { code: string }) => outcomes.push(error.code),
      );
    }
    expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === 'REQUEST_LIMIT')).toHaveLength(90);
    await expect(world.flow.submit(signed, '[2001:db8:1:3::1]:4711')).resolves.toBeDefined();
    expect(world.runs).toHaveLength(1);
  });
});
