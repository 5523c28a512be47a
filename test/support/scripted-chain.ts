/** A chain of one process for the follower: grows, forks, lags and limits on command, and counts what it is asked. */
import {
  type BlockNumber,
  blockNumber,
  chainId,
  type Hash32,
  parseAddress,
  parseHash32,
} from '../../src/base/brands.js';
import { PonosError } from '../../src/base/error.js';
import type { Block, ChainLog } from '../../src/chain/block.js';
import type { FollowerOptions } from '../../src/chain/follower.js';

export const SCRIPTED_ADDRESS = parseAddress(`0x${'5c'.repeat(20)}`);
export const SCRIPTED_TOPIC = parseHash32(`0x${'70'.repeat(32)}`);

export interface ScriptedChain {
  readonly client: FollowerOptions['client'];
  readonly head: number;
  /** Appends blocks, each with so many logs. */
  mine(blocks: number, logsEach?: number): void;
  /** Replaces the newest `depth` blocks by others. */
  reorg(depth: number, blocks: number, logsEach?: number): void;
  /** Called before each request is answered: the chain may change in the middle of a look. */
  onRequest: () => void;
  /** Blocks by which the endpoint is behind. */
  lag: number;
  /** `eth_getLogs` refuses more than this. */
  limits: { blocks: number; results: number };
  /** The logs that are on the chain up to a block, by `logName`. */
  logsUpTo(number: number): string[];
  readonly asked: { logs: number; blocks: number };
  /** The most logs of one answer. */
  readonly mostLogs: number;
}

/** What a log is recognised by; the same in another block is another log. */
export const logName = ({ blockHash, logIndex }: ChainLog) => `${blockHash}/${logIndex}`;

export function scriptedChain(): ScriptedChain {
  /** By number. Two blocks of one number and fork are the same. */
  const blocks: { readonly fork: number; readonly logs: number }[] = [{ fork: 0, logs: 0 }];
  /** Endpoints keep for a while what was replaced, and answer when it is asked for by hash. */
  const orphans = new Map<Hash32, readonly ChainLog[]>();
  const asked = { logs: 0, blocks: 0 };
  let fork = 0;
  let mostLogs = 0;

  const at = (number: number): Block | undefined => {
    const block = blocks[number];
    if (block === undefined || number > blocks.length - 1 - chain.lag) return undefined;
    return {
      number: blockNumber(number),
      hash: hashOf(number, block.fork),
      parentHash: hashOf(number - 1, blocks[number - 1]?.fork ?? 0),
      timestampSeconds: 1_000 + number,
      baseFeePerGas: undefined,
    };
  };
  const known = (number: number): Block => {
    const block = at(number);
    if (block !== undefined) return block;
    throw new PonosError('CHAIN_RPC', { message: 'unknown block' });
  };
  const placed = (number: number) => {
    const block = known(number);
    return logsOf(block.number, block.hash, blocks[number]?.logs ?? 0);
  };

  const chain: ScriptedChain = {
    client: {
      name: 'scripted',
      chainId: chainId(31_337),
      head: async () => {
        chain.onRequest();
        return known(blocks.length - 1 - chain.lag);
      },
      block: async (which) => {
        chain.onRequest();
        asked.blocks += 1;
        if (typeof which === 'number') return at(which);
        const found = at(Number(which.slice(0, 18)));
        return found?.hash === which ? found : undefined;
      },
      logs: async (_filter, place) => {
        chain.onRequest();
        asked.logs += 1;
        const found: ChainLog[] = [];
        if ('blockHash' in place) {
          const orphaned = orphans.get(place.blockHash);
          found.push(...(orphaned ?? placed(Number(place.blockHash.slice(0, 18)))));
        } else {
          if (place.toBlock - place.fromBlock + 1 > chain.limits.blocks)
            throw new PonosError('CHAIN_RPC', { message: 'block range is too wide' });
          for (let number = place.fromBlock as number; number <= place.toBlock; number++) {
            found.push(...placed(number));
            if (found.length > chain.limits.results)
              throw new PonosError('CHAIN_RPC', { message: 'query returned too many results' });
          }
        }
        mostLogs = Math.max(mostLogs, found.length);
        return found;
      },
      request: async () => {
        throw new PonosError('CHAIN_RPC', { message: 'the method does not exist' });
      },
      forgetFrom: () => undefined,
    },
    get head() {
      return blocks.length - 1;
    },
    mine: (count, logs = 0) => {
      for (let index = 0; index < count; index++) blocks.push({ fork, logs });
    },
    reorg: (depth, count, logs = 0) => {
      fork += 1;
      for (const [offset, { fork: left, logs: count }] of blocks.splice(-depth, depth).entries()) {
        const number = blocks.length + offset;
        const hash = hashOf(number, left);
        orphans.set(hash, logsOf(blockNumber(number), hash, count));
      }
      chain.mine(count, logs);
    },
    onRequest: () => undefined,
    lag: 0,
    limits: { blocks: Number.POSITIVE_INFINITY, results: Number.POSITIVE_INFINITY },
    logsUpTo: (number) =>
      Array.from({ length: Math.max(0, number + 1) }, (_, index) => placed(index).map(logName)).flat(),
    asked,
    get mostLogs() {
      return mostLogs;
    },
  };
  return chain;
}

function logsOf(number: BlockNumber, hash: Hash32, count: number): ChainLog[] {
  return Array.from({ length: count }, (_, logIndex) => ({
    address: SCRIPTED_ADDRESS,
    topics: [SCRIPTED_TOPIC],
    data: new Uint8Array(),
    blockNumber: number,
    blockHash: hash,
    transactionHash: hash,
    logIndex,
  }));
}

function hashOf(number: number, fork: number): Hash32 {
  const hex = (value: number, digits: number) => Math.max(0, value).toString(16).padStart(digits, '0');
  return parseHash32(`0x${hex(number, 16)}${hex(fork, 48)}`);
}
