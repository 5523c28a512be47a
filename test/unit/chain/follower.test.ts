import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { blockNumber } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { ChainLog } from '../../../src/chain/block.js';
import { createFollower, type FollowerOptions, type RecentBlocks } from '../../../src/chain/follower.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import {
  logName,
  SCRIPTED_ADDRESS,
  SCRIPTED_TOPIC,
  type ScriptedChain,
  scriptedChain,
} from '../../support/scripted-chain.js';

/** What an owner of a follower keeps: the logs of the blocks that were not undone, and the recent blocks. */
interface Kept {
  logs: readonly ChainLog[];
  recent: RecentBlocks;
}

function follow(chain: ScriptedChain, kept: Kept, change: Partial<FollowerOptions> = {}) {
  const clock = manualClock();
  const heads = new HeadTracker();
  const follower = createFollower({
    client: chain.client,
    heads,
    clock,
    logger: silentLogger,
    filter: { addresses: [SCRIPTED_ADDRESS], topics: [SCRIPTED_TOPIC] },
    recent: kept.recent,
    findStart: async () => blockNumber(0),
    pollIntervalMs: 10_000,
    maxBlockRange: 1_000,
    maxReorgDepth: 64,
    blockConfirmations: 0,
    onBlocks: async ({ logs, recent }) => {
      kept.logs = [...kept.logs, ...logs];
      kept.recent = recent;
    },
    onReorg: async ({ ancestor, recent }) => {
      kept.logs = kept.logs.filter((log) => log.blockNumber <= ancestor.number);
      kept.recent = recent;
    },
    onTipReplaced: async () => undefined,
    ...change,
  });
  const catchUp = () => untilWaiting(() => follower.step());
  return { follower, catchUp, clock, heads };
}

/** Looks until there is nothing more to read. */
async function untilWaiting(look: () => Promise<'advanced' | 'waiting' | 'failed'>): Promise<void> {
  for (let looks = 0; looks < 10_000; looks++) if ((await look()) === 'waiting') return;
  throw new Error('the follower never comes to its end');
}

const nothing = (): Kept => ({ logs: [], recent: [] });

test('behavior: a chain that ends before what was read of it is told of once it has lasted, and once it is over', async () => {
  const chain = scriptedChain();
  chain.mine(100);
  const lines: LogLine[] = [];
  const { catchUp, clock } = follow(chain, nothing(), { logger: recordingLogger(lines) });
  const lookLater = async (ms: number) => {
    await clock.advance(ms);
    await catchUp();
    return lines
      .splice(0)
      .map(({ level, message, fields: { head, cursor } }) => [level, message, head, cursor]);
  };
  expect(await lookLater(0)).toEqual([]);
  chain.lag = 90;
  expect(await lookLater(0)).toEqual([]);
  expect(await lookLater(59_000)).toEqual([]);
  expect(await lookLater(1_000)).toEqual([
    ['warn', expect.stringContaining('ends before the last block that was read of it'), 10, 100],
  ]);
  expect(await lookLater(3_600_000)).toEqual([]);
  chain.lag = 0;
  expect(await lookLater(0)).toEqual([
    ['info', 'the chain has the last block that was read of it again', undefined, undefined],
  ]);
  // One that is behind at some looks only, as an endpoint of several machines, is none.
  for (const lag of [1, 0, 2, 0, 1]) {
    chain.lag = lag;
    expect(await lookLater(50_000)).toEqual([]);
  }
});

describe('a follower that is 100,000 blocks behind', () => {
  test.each([
    ['by blocks', { blocks: 500, results: Number.POSITIVE_INFINITY }],
    ['by results', { blocks: Number.POSITIVE_INFINITY, results: 300 }],
    ['by both', { blocks: 128, results: 100 }],
  ])('behavior: catches up in bounded parts from an endpoint that limits %s', async (_case, limits) => {
    const chain = scriptedChain();
    chain.mine(50_000);
    chain.mine(50_000, 1);
    chain.limits = limits;
    let [delivered, mostAtOnce, mostRecent] = [0, 0, 0];
    const { catchUp } = follow(chain, nothing(), {
      onBlocks: async ({ logs, recent }) => {
        delivered += logs.length;
        mostAtOnce = Math.max(mostAtOnce, logs.length);
        mostRecent = Math.max(mostRecent, recent.length);
      },
    });
    await catchUp();
    expect(delivered).toBe(50_000);
    expect(mostAtOnce).toBeLessThanOrEqual(Math.min(limits.blocks, limits.results, 1_000));
    expect(chain.mostLogs).toBe(mostAtOnce);
    expect(mostRecent).toBe(128);
    // Refused requests are few, and blocks are read for the ends of ranges and near the head only.
    const smallest = 100_000 / Math.min(limits.blocks, limits.results, 1_000);
    expect(chain.asked.logs).toBeLessThan(smallest * 2);
    expect(chain.asked.blocks).toBeLessThan(chain.asked.logs * 3 + 200);
  });

  test('behavior: a range that is not answered in time is asked for in smaller parts', async () => {
    const chain = scriptedChain();
    chain.mine(3_000, 1);
    const kept = nothing();
    const { logs } = chain.client;
    const { follower, catchUp } = follow(chain, kept, {
      client: {
        ...chain.client,
        logs: async (filter, place) => {
          if ('fromBlock' in place && place.toBlock - place.fromBlock >= 200)
            throw new PonosError('CHAIN_UNREACHABLE', { message: 'timeout' });
          return logs(filter, place);
        },
      },
    });
    for (let failures = 0; ; failures++) {
      const failed = await catchUp().catch((error: unknown) => error);
      if (failed === undefined) break;
      expect(failed).toMatchObject({ code: 'CHAIN_UNREACHABLE' });
      if (failures > 30) throw new Error('it is stuck');
    }
    expect(await follower.step()).toBe('waiting');
    expect(kept.logs).toHaveLength(3_000);
  });
});

describe('two ranges after each other', () => {
  test('behavior: a range whose first block is no child of the last one is not taken; what it left is undone first', async () => {
    const chain = scriptedChain();
    chain.mine(600, 1);
    const kept = nothing();
    let isReplaced = false;
    const { follower, catchUp } = follow(chain, kept, {
      maxBlockRange: 10,
      client: {
        ...chain.client,
        block: async (which) => {
          // After the look at the cursor the endpoint goes over to another branch: blocks 45 and later are others.
          if (which === 50 && !isReplaced) {
            isReplaced = true;
            chain.reorg(556, 560, 2);
          }
          return chain.client.block(which);
        },
      },
    });
    for (let range = 0; range < 5; range++) expect(await follower.step()).toBe('advanced');
    expect(await follower.step()).toBe('waiting');
    expect([isReplaced, kept.recent.at(-1)?.number, kept.logs.length]).toEqual([true, 49, 49]);
    await catchUp();
    expect(kept.logs.map(logName)).toEqual(chain.logsUpTo(chain.head));
  });
});

describe('what a follower remembers', () => {
  test('default: at least a hundred blocks, and more when deeper reorgs are allowed', async () => {
    const chain = scriptedChain();
    chain.mine(600);
    const usual = nothing();
    await follow(chain, usual).catchUp();
    chain.mine(200);
    const deep = nothing();
    const deepFollower = follow(chain, deep, { maxReorgDepth: 300 });
    await deepFollower.catchUp();
    await follow(chain, usual).catchUp();
    expect(usual.recent).toHaveLength(128);
    expect(deep.recent.length).toBeGreaterThanOrEqual(301);
  });

  test('behavior: the block before the first one, so that the first ones can be undone', async () => {
    const chain = scriptedChain();
    chain.mine(10, 1);
    const kept = nothing();
    const { catchUp } = follow(chain, kept, { findStart: async () => blockNumber(8) });
    await catchUp();
    chain.reorg(3, 4, 2);
    await catchUp();
    expect(kept.logs.map(logName)).toEqual(
      chain.logsUpTo(chain.head).filter((name) => Number(name.slice(0, 18)) >= 8),
    );
  });

  test('behavior: a shallow reorg is found with few requests, a deep one with more', async () => {
    const chain = scriptedChain();
    chain.mine(300);
    const { catchUp } = follow(chain, nothing());
    await catchUp();
    const count = async (depth: number) => {
      const before = chain.asked.blocks;
      chain.reorg(depth, depth);
      await catchUp();
      return chain.asked.blocks - before - depth;
    };
    expect(await count(1)).toBeLessThan(10);
    expect(await count(60)).toBeLessThan(80);
  });

  test('error: deeper than allowed, it says where the branches part', async () => {
    const chain = scriptedChain();
    chain.mine(300);
    const { catchUp, follower } = follow(chain, nothing());
    await catchUp();
    chain.reorg(70, 71);
    await expect(follower.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'CHAIN_REORG_TOO_DEEP',
      facts: { depth: 70, cursor: 300, ancestor: 230 },
      advice: expect.stringContaining('ponos storage chain rewind --to 230'),
    });
  });
});

describe('with confirmations', () => {
  test('behavior: blocks that were replaced above the cursor are told of, once for each time', async () => {
    const chain = scriptedChain();
    chain.mine(20);
    let told = 0;
    const { catchUp } = follow(chain, nothing(), {
      blockConfirmations: 5,
      onTipReplaced: async () => {
        told += 1;
      },
    });
    await catchUp();
    expect(told).toBe(1); // what happened before the first look is not known
    chain.mine(3);
    await catchUp();
    await catchUp();
    expect(told).toBe(1);
    chain.reorg(2, 2);
    await catchUp();
    expect(told).toBe(2);
    chain.reorg(1, 4);
    await catchUp();
    chain.mine(1);
    await catchUp();
    expect(told).toBe(3);
  });

  test('behavior: it is told again when the owner could not deal with it', async () => {
    const chain = scriptedChain();
    chain.mine(20);
    let told = 0;
    const { catchUp } = follow(chain, nothing(), {
      blockConfirmations: 5,
      onTipReplaced: async () => {
        told += 1;
        if (told === 1) throw new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
      },
    });
    await expect(catchUp()).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    await catchUp();
    expect(told).toBe(2);
  });
});

describe('the pause between two looks', () => {
  test.each([
    ['nobody tells of a block', 0, 1],
    ['a block is told of: at once, and once more for an endpoint that is behind', 1, 3],
    ['a thousand are told of: as often as is bearable', 1_000, 41],
  ])('behavior: %s', async (_case, tellings, looks) => {
    const chain = scriptedChain();
    let asked = 0;
    const { follower, clock } = follow(chain, nothing(), {
      client: {
        ...chain.client,
        head: async () => {
          asked += 1;
          return chain.client.head();
        },
      },
    });
    const stop = new AbortController();
    const running = follower.run(stop.signal);
    await settle();
    await clock.advance(300);
    asked = 0;
    for (let telling = 0; telling < tellings; telling++) {
      follower.look();
      await clock.advance(10_000 / tellings);
    }
    if (tellings === 0) await clock.advance(10_000);
    expect(asked).toBeLessThanOrEqual(looks);
    expect(asked).toBeGreaterThanOrEqual(Math.min(looks, 3) - 1);
    stop.abort();
    await running;
  });
});

type Act =
  | { readonly do: 'mine'; readonly blocks: number; readonly logs: number }
  | { readonly do: 'reorg'; readonly depth: number; readonly blocks: number; readonly logs: number }
  /** The next reorg happens after so many requests of a look. */
  | { readonly do: 'wait'; readonly requests: number }
  | { readonly do: 'look'; readonly times: number }
  | { readonly do: 'restart' }
  | { readonly do: 'lag'; readonly blocks: number }
  | { readonly do: 'fail the store'; readonly times: number };

const MAX_DEPTH = 12;
const count = (max: number) => fc.integer({ min: 1, max });
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constant('mine' as const), blocks: count(40), logs: fc.nat(3) }),
  fc.record({
    do: fc.constant('reorg' as const),
    depth: count(MAX_DEPTH),
    blocks: count(20),
    logs: fc.nat(3),
  }),
  fc.record({ do: fc.constant('wait' as const), requests: count(30) }),
  fc.record({ do: fc.constant('look' as const), times: count(6) }),
  fc.record({ do: fc.constant('restart' as const) }),
  fc.record({ do: fc.constant('lag' as const), blocks: fc.nat(5) }),
  fc.record({ do: fc.constant('fail the store' as const), times: count(3) }),
);

describe('a chain that is replaced in the middle of a look', () => {
  test.each(Array.from({ length: 24 }, (_, index) => index + 1))(
    'behavior: at request %i: no log of both branches, and none of neither',
    async (at) => {
      const chain = scriptedChain();
      const kept = nothing();
      const { catchUp, follower } = follow(chain, kept);
      chain.mine(10, 1);
      await catchUp();
      chain.mine(8, 1);
      let requests = 0;
      chain.onRequest = () => {
        requests += 1;
        if (requests === at) chain.reorg(8, 9, 2);
      };
      await follower.step().catch((error: unknown) => expect(error).toMatchObject({ code: 'CHAIN_RPC' }));
      await catchUp();
      if (requests < at) chain.reorg(8, 9, 2);
      chain.mine(1);
      await catchUp();
      expect(kept.logs.map(logName)).toEqual(chain.logsUpTo(chain.head));
    },
  );
});

describe('random forks', () => {
  test.each([0, 3])(
    'behavior: with %i confirmations, what was told and not undone are the logs of the chain, each once and in order',
    async (blockConfirmations) => {
      await fc.assert(
        fc.asyncProperty(fc.array(acts, { maxLength: 60 }), async (script) => {
          const chain = scriptedChain();
          const kept = nothing();
          let failures = 0;
          const failing = (persist: () => void) => {
            if (failures === 0) return persist();
            failures -= 1;
            throw new PonosError('STORE_UNAVAILABLE', { message: 'disk full' });
          };
          const start = () =>
            follow(chain, kept, {
              maxReorgDepth: MAX_DEPTH,
              maxBlockRange: 7,
              blockConfirmations,
              onBlocks: async ({ logs, recent }) =>
                failing(() => {
                  kept.logs = [...kept.logs, ...logs];
                  kept.recent = recent;
                }),
              onReorg: async ({ ancestor, recent }) =>
                failing(() => {
                  kept.logs = kept.logs.filter((log) => log.blockNumber <= ancestor.number);
                  kept.recent = recent;
                }),
            }).follower;
          const look = () =>
            follower.step().catch((error: unknown) => {
              if (error instanceof PonosError && error.kind === 'retryable') return 'failed' as const;
              throw error;
            });
          let follower = start();
          // No reorg goes deeper than allowed below the highest block there ever was.
          let highest = 0;
          let requestsBefore = 0;
          for (const act of script) {
            switch (act.do) {
              case 'mine':
                chain.mine(act.blocks, act.logs);
                break;
              case 'reorg': {
                const reorg = () => {
                  const depth = Math.min(act.depth, chain.head - Math.max(0, highest - MAX_DEPTH));
                  if (depth > 0) chain.reorg(depth, act.blocks, act.logs);
                  highest = Math.max(highest, chain.head);
                };
                let left = requestsBefore;
                requestsBefore = 0;
                if (left === 0) reorg();
                chain.onRequest = () => {
                  left -= 1;
                  if (left === 0) reorg();
                };
                break;
              }
              case 'wait':
                requestsBefore = act.requests;
                break;
              case 'look':
                for (let time = 0; time < act.times; time++) await look();
                break;
              case 'restart':
                follower = start();
                break;
              case 'lag':
                chain.lag = Math.min(act.blocks, chain.head);
                break;
              case 'fail the store':
                failures = act.times;
                break;
            }
            highest = Math.max(highest, chain.head);
          }
          // The chain goes on, so that it tells of every branch that it has left.
          chain.lag = 0;
          chain.onRequest = () => undefined;
          chain.mine(MAX_DEPTH + blockConfirmations + 1, 1);
          await untilWaiting(look);
          expect(kept.logs.map(logName)).toEqual(chain.logsUpTo(chain.head - blockConfirmations));
        }),
        { seed: 20_260_701, numRuns: 150 },
      );
    },
  );
});
