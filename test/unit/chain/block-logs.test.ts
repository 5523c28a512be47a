import { describe, expect, test } from '@jest/globals';
import { blockNumber, parseAddress, parseHash32 } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { PonosError } from '../../../src/base/error.js';
import type { Logger } from '../../../src/base/logger.js';
import type { Block, ChainLog } from '../../../src/chain/block.js';
import { BlockLogs } from '../../../src/chain/block-logs.js';
import { bloomPattern } from '../../../src/chain/logs-bloom.js';
import { manualClock } from '../../support/manual-clock.js';

const MAILBOX = parseAddress(`0x${'5c'.repeat(20)}`);
const OTHER = parseAddress(`0x${'0d'.repeat(20)}`);
const TOPIC = parseHash32(`0x${'70'.repeat(32)}`);
const FILTER = { addresses: [MAILBOX], topics: [TOPIC] };
const HASH = parseHash32(`0x${'b1'.repeat(32)}`);

const log = (change: Partial<ChainLog> = {}): ChainLog => ({
  address: MAILBOX,
  topics: [TOPIC],
  data: new Uint8Array(),
  blockNumber: blockNumber(7),
  blockHash: HASH,
  transactionHash: HASH,
  logIndex: 0,
  ...change,
});
/** As an endpoint writes it. */
const written = ({ data, blockNumber: number, logIndex, ...rest }: ChainLog) => ({
  ...rest,
  data: toHex(data),
  blockNumber: `0x${number.toString(16)}`,
  logIndex: `0x${logIndex.toString(16)}`,
});

function block(hasLogs: boolean): Block {
  const logsBloom = new Uint8Array(256);
  if (hasLogs) {
    for (const bit of bloomPattern(FILTER).flat(2)) {
      logsBloom[255 - (bit >> 3)] = (logsBloom[255 - (bit >> 3)] ?? 0) | (1 << (bit & 7));
    }
  }
  return {
    number: blockNumber(7),
    hash: HASH,
    parentHash: HASH,
    timestampSeconds: 1,
    baseFeePerGas: undefined,
    logsBloom,
  };
}

type Receipts = () => unknown;
const unknownMethod: Receipts = () => {
  throw new PonosError('CHAIN_RPC', { message: 'the method does not exist' });
};

/** An endpoint that answers with no logs the first times. */
function world(change: { leavesOut: number; logs?: readonly ChainLog[]; receipts?: Receipts }) {
  const clock = manualClock();
  const asked = { logs: 0, receipts: 0 };
  const warnings: string[] = [];
  const quiet = () => undefined;
  const logger: Logger = {
    debug: quiet,
    info: quiet,
    warn: (message) => void warnings.push(message),
    error: quiet,
    child: () => logger,
  };
  const reader = new BlockLogs({
    client: {
      name: 'scripted',
      logs: async () => (asked.logs++ < change.leavesOut ? [] : [...(change.logs ?? [log()])]),
      request: async () => {
        asked.receipts += 1;
        return (change.receipts ?? unknownMethod)();
      },
    },
    filter: FILTER,
    clock,
    logger,
  });
  const read = async (hasLogs = true) => {
    const reading = reader.read(block(hasLogs), undefined);
    reading.catch(() => undefined);
    await clock.advance(10_000);
    return reading;
  };
  return { asked, warnings, read };
}

const ALWAYS = Number.POSITIVE_INFINITY;

describe('the logs of a block', () => {
  test('default: what the endpoint answers, with one request', async () => {
    const { read, asked } = world({ leavesOut: 0 });
    expect(await read()).toEqual([log()]);
    expect(asked).toEqual({ logs: 1, receipts: 0 });
  });

  test('default: none, with one request, when the header tells of none', async () => {
    const { read, asked } = world({ leavesOut: ALWAYS });
    expect(await read(false)).toEqual([]);
    expect(asked).toEqual({ logs: 1, receipts: 0 });
  });

  test('behavior: logs that are left out are found in the receipts, and only those that were asked for', async () => {
    const others = [log({ address: OTHER }), log({ topics: [] }), log({ topics: [HASH] })];
    const receipts = () => [{ logs: [written(log())] }, { logs: others.map(written) }];
    const { read, asked, warnings } = world({ leavesOut: ALWAYS, receipts });
    expect(await read()).toEqual([log()]);
    expect(await read()).toEqual([log()]);
    expect(asked).toEqual({ logs: 2, receipts: 2 });
    expect(warnings).toHaveLength(1);
  });

  test('behavior: receipts without such a log are believed: other logs have set the same bits', async () => {
    const { read, asked } = world({
      leavesOut: ALWAYS,
      receipts: () => [{ logs: [written(log({ address: OTHER }))] }],
    });
    expect(await read()).toEqual([]);
    expect(asked).toEqual({ logs: 1, receipts: 1 });
  });

  test.each<[string, Receipts]>([
    ['does not know the method', unknownMethod],
    ['answers null', () => null],
    ['answers with no receipts at all', () => []],
    ['answers with nonsense', () => [{ logs: 'none' }]],
    ['answers with receipts of another block', () => [{ logs: [written(log({ blockHash: TOPIC }))] }]],
  ])('behavior: where the endpoint %s, the logs are asked for again', async (_case, receipts) => {
    const { read, asked, warnings } = world({ leavesOut: 2, receipts });
    expect(await read()).toEqual([log()]);
    expect(asked).toEqual({ logs: 3, receipts: 1 });
    expect(warnings).toHaveLength(1);
  });

  test('behavior: a block is given up after a few repeats, so that the cursor never stands still', async () => {
    const { read, asked, warnings } = world({ leavesOut: ALWAYS });
    expect(await read()).toEqual([]);
    expect(asked).toEqual({ logs: 4, receipts: 1 });
    expect(warnings).toEqual([]);
  });

  test('error: logs of another block', async () => {
    const { read } = world({ leavesOut: 0, logs: [log({ blockHash: TOPIC })] });
    await expect(read()).rejects.toMatchObject({ code: 'CHAIN_RPC' });
  });

  test('error: an endpoint that is down', async () => {
    const down = new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
    const { read } = world({
      leavesOut: ALWAYS,
      receipts: () => {
        throw down;
      },
    });
    await expect(read()).rejects.toBe(down);
  });
});
