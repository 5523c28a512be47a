import { expect, test } from '@jest/globals';
import { blockNumber, parseAddress } from '../../../../src/base/brands.js';
import { PonosError } from '../../../../src/base/error.js';
import type { Block, ChainLog } from '../../../../src/chain/block.js';
import { type FollowMailboxOptions, followMailbox } from '../../../../src/operations/task/follow-mailbox.js';
import { manualClock } from '../../../support/manual-clock.js';

const away = new PonosError('CHAIN_UNREACHABLE', { message: 'nobody answers' });

/** A chain with one event in each block, read until the signal aborts. */
function world() {
  const clock = manualClock();
  const stop = new AbortController();
  const chain = { head: 7, failure: undefined as PonosError | undefined };
  const ranges: [number, number][] = [];
  const events: number[] = [];
  const told: string[] = [];
  const client: FollowMailboxOptions['client'] = {
    async head() {
      if (chain.failure !== undefined) throw chain.failure;
      return { number: blockNumber(chain.head) } as Block;
    },
    async logs(_filter, place) {
      const { fromBlock, toBlock } = place as { fromBlock: number; toBlock: number };
      ranges.push([fromBlock, toBlock]);
      const numbers = Array.from({ length: toBlock - fromBlock + 1 }, (_, at) => fromBlock + at);
      return numbers.map((number) => ({ blockNumber: number }) as ChainLog);
    },
  };
  const ended = followMailbox(
    {
      client,
      mailbox: parseAddress(`0x${'aa'.repeat(20)}`),
      clock,
      onEvent: (log) => events.push(log.blockNumber),
      tell: (line) => told.push(line),
    },
    stop.signal,
  ).catch((error: unknown) => error);
  return { clock, stop, chain, ranges, events, told, ended };
}

test('behavior: what comes while the endpoint is away is printed when it is back, each event once', async () => {
  const { clock, stop, chain, events, told, ended } = world();
  await clock.advance(500);
  expect(events).toEqual([7]);
  chain.failure = away;
  chain.head = 9;
  await clock.advance(5_000);
  expect([events, told]).toEqual([[7], ['the chain cannot be read now, trying again: nobody answers']]);
  chain.failure = undefined;
  await clock.advance(1_000);
  expect(events).toEqual([7, 8, 9]);
  expect(told.slice(1)).toEqual(['the chain can be read again']);
  stop.abort();
  expect(await ended).toMatchObject({ code: 'ABORTED' });
});

test('behavior: a watcher that fell behind reads in parts', async () => {
  const { clock, stop, chain, ranges, ended } = world();
  await clock.advance(500);
  chain.head = 1_007;
  await clock.advance(500);
  expect(ranges).toEqual([
    [7, 7],
    [8, 507],
    [508, 1_007],
  ]);
  stop.abort();
  await ended;
});

test('error: what no time mends ends it', async () => {
  const { clock, chain, told, ended } = world();
  await clock.advance(500);
  chain.failure = new PonosError('CONTRACT_REVERTED', { message: 'no such contract' });
  await clock.advance(500);
  expect(await ended).toBe(chain.failure);
  expect(told).toEqual([]);
});
