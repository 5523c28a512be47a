import { describe, expect, test } from '@jest/globals';
import { Nonces, SIGHTINGS } from '../../../src/chain/nonces.js';
import { createSettlement, type PendingTransaction } from '../../../src/chain/pending-transaction.js';
import { operatorAddress } from '../aggregator/world.js';

const pendingAt = (nonce: number): [number, PendingTransaction] => [
  nonce,
  {
    subject: undefined,
    call: { to: operatorAddress(1), data: new Uint8Array(), gasLimit: 21_000n },
    nonce,
    forms: [],
    settled: createSettlement(),
    waiter: { signal: undefined },
    sentAtBlock: 1,
    isUncertain: false,
    takenSightings: 0,
    told: new Set(),
  },
];

function world(...pendingNonces: number[]) {
  const pending = new Map(pendingNonces.map(pendingAt));
  const chain = { count: 0 };
  const nonces = new Nonces({ transactionCount: async () => chain.count }, pending);
  return { pending, chain, nonces };
}

describe('next', () => {
  test('default: follows what is on its way, without asking the chain', async () => {
    const { nonces, pending } = world(4, 5);
    nonces.spent(5);
    expect(await nonces.next()).toBe(6);
    expect(await nonces.next()).toBe(6);
    pending.set(...pendingAt(6));
    expect(await nonces.next()).toBe(7);
  });

  test('behavior: with nothing on its way the chain is asked, which a reorg may have taken back', async () => {
    const { nonces, chain } = world();
    nonces.spent(9);
    chain.count = 3;
    expect(await nonces.next()).toBe(3);
  });

  test('behavior: what an endpoint forgets to count is not used twice', async () => {
    const { nonces } = world(7);
    expect(await nonces.next()).toBe(8);
  });

  test('behavior: a nonce of somebody else is skipped, and forgotten when the chain has gone back behind it', async () => {
    const { nonces, pending, chain } = world(1);
    chain.count = 5;
    await nonces.skip(2);
    expect(await nonces.next()).toBe(5);
    pending.clear();
    chain.count = 2;
    const again = await nonces.next();
    nonces.spent(again);
    pending.set(...pendingAt(again));
    expect([again, await nonces.next()]).toEqual([2, 3]);
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

  test('behavior: there is none when nothing is on its way', () => {
    const { nonces } = world();
    for (let look = 0; look < SIGHTINGS; look++) expect(nonces.gap(0)).toEqual([]);
  });
});
