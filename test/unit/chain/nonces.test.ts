import { describe, expect, test } from '@jest/globals';
import { createOutcome } from '../../../src/base/outcome.js';
import { MOST_SENDING, Nonces, SIGHTINGS } from '../../../src/chain/nonces.js';
import type { PendingTransaction } from '../../../src/chain/pending-transaction.js';
import { settle } from '../../support/manual-clock.js';
import { operatorAddress } from '../aggregator/world.js';

const pendingAt = (nonce: number): [number, PendingTransaction] => [
  nonce,
  {
    subject: undefined,
    call: { to: operatorAddress(1), data: new Uint8Array(), gasLimit: 21_000n },
    nonce,
    forms: [],
    settled: createOutcome(),
    waiter: { signal: undefined },
    sentAtBlock: 1,
    isUncertain: false,
    takenSightings: 0,
    told: new Set(),
  },
];

function world(...pendingNonces: number[]) {
  const pending = new Map(pendingNonces.map(pendingAt));
  const chain = { count: 0, asked: 0 };
  const transactionCount = async () => {
    chain.asked += 1;
    return chain.count;
  };
  const nonces = new Nonces({ transactionCount }, pending);
  return { pending, chain, nonces };
}

describe('reserve', () => {
  test('default: in order, and the chain is asked once while something is on its way', async () => {
    const { nonces, pending, chain } = world();
    chain.count = 4;
    expect([await nonces.reserve(), await nonces.reserve(), await nonces.reserve()]).toEqual([4, 5, 6]);
    pending.set(...pendingAt(5));
    nonces.spent(5);
    expect(await nonces.reserve()).toBe(7);
    expect(chain.asked).toBe(1);
  });

  test('behavior: with nothing on its way the chain is asked, which a reorg may have taken back', async () => {
    const { nonces, chain } = world();
    chain.count = 9;
    nonces.spent(await nonces.reserve());
    chain.count = 3;
    expect(await nonces.reserve()).toBe(3);
  });

  test('behavior: what an endpoint forgets to count is not used twice', async () => {
    const { nonces } = world(7);
    expect(await nonces.reserve()).toBe(8);
  });

  test.each([
    ['the last one', [2], [2, 3]],
    ['one in the middle, which those above wait for', [1], [1, 3]],
    ['several, in any order', [1, 2, 0], [0, 1, 2, 3]],
    ['the last ones, of which none is left open', [2, 1], [1, 2, 3]],
  ])('behavior: %s that was given back comes first', async (_case, released, expected) => {
    const { nonces, pending } = world();
    for (let n = 0; n < 3; n++) await nonces.reserve();
    for (const nonce of released) nonces.release(nonce);
    for (const nonce of [0, 1, 2].filter((one) => !released.includes(one))) {
      pending.set(...pendingAt(nonce));
      nonces.spent(nonce);
    }
    const next: number[] = [];
    while (next.length < expected.length) next.push(await nonces.reserve());
    expect(next).toEqual(expected);
  });

  test('behavior: one that was given back is not given to two, nor when something else has it by now', async () => {
    const { nonces, pending } = world();
    for (let n = 0; n < 4; n++) await nonces.reserve();
    nonces.release(0);
    nonces.release(1);
    pending.set(...pendingAt(0));
    expect(nonces.claim(1)).toBe(true);
    expect(nonces.claim(1)).toBe(false);
    expect(nonces.claim(0)).toBe(false);
    expect(await nonces.reserve()).toBe(4);
  });

  test('behavior: a nonce of somebody else is skipped, and so are free ones below what the chain counts', async () => {
    const { nonces, pending, chain } = world(1);
    await nonces.reserve();
    await nonces.reserve();
    nonces.release(2);
    chain.count = 5;
    await nonces.skip(3);
    expect(await nonces.reserve()).toBe(5);
    pending.clear();
    nonces.spent(5);
    chain.count = 2;
    expect([await nonces.reserve(), await nonces.reserve()]).toEqual([2, 3]);
  });
});

describe('those under way to a node', () => {
  test('default: so many may be, and the next one has room when one is through', async () => {
    const { nonces } = world();
    for (let n = 0; n < MOST_SENDING; n++) {
      await nonces.room();
      await nonces.reserve();
    }
    let hasRoom = false;
    const room = nonces.room().then(() => {
      hasRoom = true;
    });
    await settle();
    expect(hasRoom).toBe(false);
    nonces.release(3);
    await room;
    expect(hasRoom).toBe(true);
  });

  test('behavior: one waits for those before it, however they end, and for no other', async () => {
    const { nonces, pending } = world();
    for (let n = 0; n < 4; n++) await nonces.reserve();
    expect([nonces.hasEarlier(0), nonces.hasEarlier(2)]).toEqual([false, true]);
    let areSent = false;
    const sent = nonces.earlierSent(2).then(() => {
      areSent = true;
    });
    nonces.release(0);
    await settle();
    expect(areSent).toBe(false);
    pending.set(...pendingAt(1));
    nonces.spent(1);
    await sent;
    expect([areSent, nonces.hasEarlier(2), nonces.hasEarlier(1)]).toEqual([true, true, false]);
  });
});

describe('gap', () => {
  test('default: nonces below ours that nobody has are told after several sightings', () => {
    const { nonces } = world(5, 6);
    const seen = Array.from({ length: SIGHTINGS }, () => nonces.gap(3));
    expect(seen.slice(0, -1)).toEqual(Array(SIGHTINGS - 1).fill([]));
    expect(seen.at(-1)).toEqual([3, 4]);
  });

  test('behavior: a sighting that is not repeated is an endpoint that lags', () => {
    const { nonces } = world(5);
    for (let look = 1; look < SIGHTINGS; look++) nonces.gap(3);
    expect(nonces.gap(5)).toEqual([]);
    expect(nonces.gap(3)).toEqual([]);
  });

  test('behavior: each is waited for by itself: one that has just come is not filled with those before it', () => {
    const { nonces, pending } = world(5);
    for (let look = 1; look < SIGHTINGS; look++) nonces.gap(4);
    pending.set(...pendingAt(7));
    expect(nonces.gap(4)).toEqual([4]);
    pending.set(...pendingAt(4));
    expect(nonces.gap(6)).toEqual([]);
    expect(nonces.gap(6)).toEqual([6]);
  });

  test('behavior: one between ours is told of, but not one that is being sent', async () => {
    const { nonces } = world(2, 6);
    for (let n = 0; n < 2; n++) await nonces.reserve(); // 7, 8
    expect(nonces.claim(4)).toBe(true);
    const seen = Array.from({ length: SIGHTINGS }, () => nonces.gap(3));
    expect(seen.at(-1)).toEqual([3, 5]);
  });

  test('behavior: an endpoint that has forgotten the account does not have all of its history filled', () => {
    const { nonces } = world(1_000_000);
    const seen = Array.from({ length: SIGHTINGS }, () => nonces.gap(0));
    expect(seen.at(-1)).toHaveLength(64);
  });

  test('behavior: there is none when nothing is on its way', () => {
    const { nonces } = world();
    for (let look = 0; look < SIGHTINGS; look++) expect(nonces.gap(0)).toEqual([]);
  });
});
