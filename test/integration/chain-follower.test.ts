import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type BlockNumber, blockNumber, chainId, parseHash32 } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { createFollower, type FollowerOptions, type RecentBlocks } from '../../src/chain/follower.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { emitLog, LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';

const TOPIC = parseHash32(`0x${'aa'.repeat(32)}`);
const OTHER_TOPIC = `0x${'bb'.repeat(32)}`;

let anvil: Anvil;
let client: ChainClient;

beforeEach(async () => {
  anvil = await startAnvil({ chainId: 31337 });
  await placeLogEmitter(anvil);
  client = newClient();
});

afterEach(async () => {
  await client.close();
  await anvil.close();
});

function newClient() {
  return createChainClient({
    chainId: chainId(31337),
    name: 'local',
    rpcUrls: [anvil.url],
    clock: systemClock,
    logger: silentLogger,
  });
}

const mine = (blocks = 1) => anvil.rpc('anvil_mine', `0x${blocks.toString(16)}`);

/** Emits one event and mines it into a block of its own. */
async function mineLog(topic: string = TOPIC) {
  await emitLog(anvil, topic);
  await mine();
}

/** A follower that writes down what it was told, and the steps to the head. */
function setup(change: Partial<FollowerOptions> = {}) {
  const story: string[] = [];
  let recent: RecentBlocks = [];
  const heads = new HeadTracker();
  const follower = createFollower({
    client,
    heads,
    clock: systemClock,
    logger: silentLogger,
    filter: { addresses: [LOG_EMITTER], topics: [TOPIC] },
    findStart: async () => blockNumber(1),
    pollIntervalMs: 5,
    maxBlockRange: 100,
    maxReorgDepth: 8,
    blockConfirmations: 0,
    onBlocks: async (blocks) => {
      for (const log of blocks.logs) story.push(`log ${log.blockNumber}`);
      recent = blocks.recent;
    },
    onReorg: async (orphans) => {
      story.push(`back to ${orphans.ancestor.number}`);
      recent = orphans.recent;
    },
    onTipReplaced: async () => undefined,
    ...change,
  });
  const catchUp = async () => {
    while ((await follower.step()) === 'advanced');
  };
  return { follower, story, heads, catchUp, recent: () => recent };
}

describe('a follower', () => {
  test('default: tells the logs of its filter once, in order', async () => {
    const { story, catchUp, heads, recent } = setup();
    await mineLog();
    await catchUp();
    await mineLog(OTHER_TOPIC);
    await mineLog();
    await catchUp();
    await catchUp();
    expect(story).toEqual(['log 1', 'log 3']);
    expect(heads.latest?.number).toBe(3);
    expect(recent().map(({ number }) => number)).toEqual([0, 1, 2, 3]);
  });

  test('behavior: catches up over a long gap in ranges, then block by block', async () => {
    await mineLog();
    await mine(500);
    await mineLog();
    const ends: BlockNumber[] = [];
    const found: number[] = [];
    const { catchUp } = setup({
      onBlocks: async ({ toBlock, logs }) => {
        ends.push(toBlock.number);
        found.push(...logs.map((log) => log.blockNumber));
      },
    });
    await catchUp();
    expect(found).toEqual([1, 502]);
    expect(ends.slice(0, 6)).toEqual([0, 100, 200, 300, 373, 374]);
    expect(ends.at(-1)).toBe(502);
  });

  test('behavior: reads a range the endpoint refuses in smaller parts', async () => {
    await mine(300);
    await mineLog();
    await mine(20);
    const spans: number[] = [];
    const { catchUp, story } = setup({
      client: {
        name: client.name,
        chainId: client.chainId,
        head: () => client.head(),
        block: (at) => client.block(at),
        forgetFrom: (at) => client.forgetFrom(at),
        request: (method, params) => client.request(method, params),
        logs: async (filter, place) => {
          if ('fromBlock' in place) {
            const span = place.toBlock - place.fromBlock + 1;
            spans.push(span);
            if (span > 30) throw new PonosError('CHAIN_RPC', { message: 'query returned too many results' });
          }
          return client.logs(filter, place);
        },
      },
    });
    await catchUp();
    expect(story).toEqual(['log 301']);
    expect(spans.slice(0, 4)).toEqual([100, 50, 25, 37]);
  });

  test('behavior: goes on after a restart where the cursor was persisted', async () => {
    await mineLog();
    const first = setup();
    await first.catchUp();
    await mineLog();
    const second = setup({
      recent: first.recent(),
      findStart: async () => {
        throw new Error('not asked');
      },
    });
    await second.catchUp();
    expect(second.story).toEqual(['log 2']);
  });

  test('behavior: blocks come again when persisting them failed for now', async () => {
    await mineLog();
    let attempts = 0;
    const { follower, catchUp } = setup({
      onBlocks: async () => {
        if (attempts++ === 0) throw new PonosError('STORE_UNAVAILABLE', { message: 'disk full' });
      },
    });
    await expect(follower.step()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await catchUp();
    expect(attempts).toBe(3);
  });

  test.each([1, 3, 8])('behavior: undoes a reorg of depth %i and reads what replaced it', async (depth) => {
    const { story, catchUp } = setup();
    await mine(2);
    for (let index = 0; index < depth; index++) await mineLog();
    await catchUp();
    await anvil.rpc('anvil_reorg', depth, [
      [{ to: LOG_EMITTER, data: TOPIC, value: '0x0', from: await account(), gas: '0x186a0' }, 0],
    ]);
    await catchUp();
    const before = Array.from({ length: depth }, (_, index) => `log ${3 + index}`);
    expect(story.slice(0, depth + 1)).toEqual([...before, 'back to 2']);
    expect(story.slice(depth + 1)).toEqual(['log 3']);
  });

  test('behavior: a chain that was cut and grew again is undone as well', async () => {
    const { story, catchUp } = setup();
    await mine(3);
    const snapshot = await anvil.rpc('evm_snapshot');
    await mineLog();
    await mineLog();
    await catchUp();
    await anvil.rpc('evm_revert', snapshot);
    await catchUp();
    expect(story).toEqual(['log 4', 'log 5']);
    await anvil.rpc('evm_increaseTime', 7);
    await mineLog();
    await catchUp();
    expect(story.slice(2)).toEqual(['back to 3', 'log 4']);
  });

  test('error: a reorg deeper than allowed ends the run with a clear error', async () => {
    const { follower, catchUp } = setup({ maxReorgDepth: 3 });
    await mine(10);
    await catchUp();
    await anvil.rpc('anvil_reorg', 5, []);
    await expect(follower.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'CHAIN_REORG_TOO_DEEP',
      facts: { depth: 5, maxReorgDepth: 3, cursor: 10, ancestor: 5 },
    });
  });

  test('behavior: stays behind the head by the confirmations', async () => {
    const { story, catchUp, heads } = setup({ blockConfirmations: 2 });
    await mineLog();
    await mine();
    await catchUp();
    expect(story).toEqual([]);
    await mine();
    await catchUp();
    expect(story).toEqual(['log 1']);
    expect(heads.latest?.number).toBe(3);
  });

  test('behavior: run follows the chain until it is stopped', async () => {
    const stop = new AbortController();
    const { story, follower, heads } = setup();
    const running = follower.run(stop.signal);
    await mineLog();
    await heads.waitFor(({ number }) => number === 1);
    await mine();
    await heads.waitFor(({ number }) => number === 2);
    stop.abort();
    await running;
    expect(story).toEqual(['log 1']);
  });
});

async function account() {
  const [first] = await anvil.rpc<string[]>('eth_accounts');
  return first;
}
