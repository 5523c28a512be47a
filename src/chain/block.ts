/** Blocks and logs as the node uses them, parsed from JSON-RPC answers. */
import {
  type Address,
  type BlockNumber,
  blockNumber,
  type Hash32,
  parseAddress,
  parseHash32,
  parseHex,
} from '../base/brands.js';
import { fromHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';

/** What ties a block to its place: enough to detect that it was replaced. */
export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hash32;
}

export interface Block extends BlockRef {
  readonly parentHash: Hash32;
  /** Seconds since the Unix epoch, as the chain sees it. */
  readonly timestampSeconds: number;
  /** Wei per gas; undefined on chains without EIP-1559. */
  readonly baseFeePerGas: bigint | undefined;
  /** Which addresses and topics its logs may have; 256 bytes. Undefined where a chain's headers have none. */
  readonly logsBloom?: Uint8Array;
}

/** One event of one transaction, tied to its block by hash. */
export interface ChainLog {
  readonly address: Address;
  readonly topics: readonly Hash32[];
  readonly data: Uint8Array;
  readonly blockNumber: BlockNumber;
  readonly blockHash: Hash32;
  readonly transactionHash: Hash32;
  readonly logIndex: number;
}

/** @throws PonosError CHAIN_RPC when the answer is not a mined block */
export function parseBlock(answer: unknown): Block {
  const fields = record(answer, 'a block');
  return parsing('a block', () => ({
    number: blockNumber(quantity(fields.number)),
    hash: parseHash32(text(fields.hash)),
    parentHash: parseHash32(text(fields.parentHash)),
    timestampSeconds: smallQuantity(fields.timestamp),
    baseFeePerGas: typeof fields.baseFeePerGas === 'string' ? quantity(fields.baseFeePerGas) : undefined,
    ...(typeof fields.logsBloom === 'string' && { logsBloom: fromHex(parseHex(fields.logsBloom)) }),
  }));
}

/** Logs marked `removed` (a subscription's word for orphaned) are left out. @throws PonosError CHAIN_RPC */
export function parseLogs(answer: unknown): ChainLog[] {
  if (!Array.isArray(answer)) throw malformed('a list of logs');
  return answer
    .map((entry) => record(entry, 'a log'))
    .filter((entry) => entry.removed !== true)
    .map((entry) =>
      parsing('a log', () => ({
        address: parseAddress(text(entry.address)),
        topics: (Array.isArray(entry.topics) ? entry.topics : []).map((topic) => parseHash32(text(topic))),
        data: fromHex(parseHex(text(entry.data))),
        blockNumber: blockNumber(quantity(entry.blockNumber)),
        blockHash: parseHash32(text(entry.blockHash)),
        transactionHash: parseHash32(text(entry.transactionHash)),
        logIndex: smallQuantity(entry.logIndex),
      })),
    );
}

/** A JSON-RPC quantity (`0x1f`). @throws PonosError CHAIN_RPC */
export function quantity(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]+$/i.test(value)) throw malformed('a quantity');
  return BigInt(value);
}

/** A quantity that a number holds exactly: a time, a count. @throws PonosError CHAIN_RPC */
export function smallQuantity(value: unknown): number {
  const number = Number(quantity(value));
  if (!Number.isSafeInteger(number)) throw malformed('a quantity of this kind');
  return number;
}

/** JSON-RPC data (`0x…`, two digits a byte). @throws PonosError CHAIN_RPC */
export function parseData(value: unknown): Uint8Array {
  return parsing('hex data', () => fromHex(parseHex(text(value))));
}

/** `value` as a JSON-RPC quantity. */
export function toQuantity(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** @throws PonosError CHAIN_RPC when the answer is no object */
export function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw malformed(what);
  return value as Record<string, unknown>;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw malformed('a hex text');
  return value;
}

function parsing<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw malformed(what, cause);
  }
}

function malformed(what: string, cause?: unknown): PonosError {
  return new PonosError('CHAIN_RPC', {
    message: `a JSON-RPC endpoint answered with what is not ${what}`,
    cause,
  });
}
