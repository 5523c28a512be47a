/** A JSON-RPC endpoint of a long chain that nobody has mined: its blocks and logs follow from their numbers. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from '../../src/base/brands.js';
import { toHex, word } from '../../src/base/bytes.js';
import { TASK_MAILBOX_ABI } from '../../src/chain/contracts/task-mailbox.js';

export interface MadeUpChainOptions {
  readonly chainId: number;
  readonly mailbox: Address;
  readonly avs: Address;
  /** The number of the last block. */
  readonly head: number;
  /** One block in so many has a task. */
  readonly taskEvery: number;
  readonly payload: Uint8Array;
}

export interface MadeUpChain {
  readonly url: string;
  /** Requests so far; those of a batch one by one. */
  readonly requests: number;
  close(): Promise<void>;
}

interface Request {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

const GENESIS_SECONDS = 1_700_000_000;
const SLA_SECONDS = 60;
/** Hashes are numbers here, in a range where no other word is. */
const HASHES = 1n << 200n;

const quantity = (value: number) => `0x${value.toString(16)}`;
const hashOf = (block: number) => toHex(word(HASHES + BigInt(block)));
const blockOf = (hash: string) => Number(BigInt(hash) - HASHES);

export async function startMadeUpChain(options: MadeUpChainOptions): Promise<MadeUpChain> {
  const { head, taskEvery, mailbox, avs, payload } = options;
  let requests = 0;
  const block = (number: number) =>
    number > head
      ? null
      : {
          number: quantity(number),
          hash: hashOf(number),
          parentHash: hashOf(number - 1),
          timestamp: quantity(GENESIS_SECONDS + number),
        };
  const log = (number: number) => {
    const event = [
      avs,
      toHex(word(number)),
      avs,
      1,
      GENESIS_SECONDS,
      avs,
      0,
      GENESIS_SECONDS + number + SLA_SECONDS,
    ];
    const { data, topics } = TASK_MAILBOX_ABI.interface.encodeEventLog('TaskCreated', [...event, payload]);
    const place = { blockNumber: quantity(number), blockHash: hashOf(number), logIndex: '0x0' };
    return { address: mailbox, topics, data, transactionHash: hashOf(number), ...place };
  };
  const logs = (from: number, to: number) => {
    const first = Math.ceil(from / taskEvery) * taskEvery;
    return Array.from({ length: Math.max(0, Math.floor((to - first) / taskEvery) + 1) }, (_, index) =>
      log(first + index * taskEvery),
    );
  };
  const answer = ({ method, params }: Request): unknown => {
    const [first] = params;
    if (method === 'eth_chainId') return quantity(options.chainId);
    if (method === 'eth_getBlockByNumber') return block(first === 'latest' ? head : Number(first));
    if (method === 'eth_getBlockByHash') return block(blockOf(String(first)));
    if (method !== 'eth_getLogs') throw new Error(`nobody has made up ${method}`);
    const { blockHash, fromBlock, toBlock } = first as Readonly<Record<string, string>>;
    if (blockHash === undefined) return logs(Number(fromBlock), Number(toBlock));
    return logs(blockOf(blockHash), blockOf(blockHash));
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const asked: Request | Request[] = JSON.parse(Buffer.concat(chunks).toString());
    const all = [asked].flat();
    requests += all.length;
    const answers = all.map((one) => ({ jsonrpc: '2.0', id: one.id, result: answer(one) }));
    response.end(JSON.stringify(Array.isArray(asked) ? answers : answers[0]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
