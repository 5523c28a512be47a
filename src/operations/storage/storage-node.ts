/** The store of a running node, through its management port. */
import { ClientError, createClient, Status } from 'nice-grpc';
import { type BlockNumber, blockNumber, chainId, type Hash32 } from '../../base/brands.js';
import { abortError } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import type { ErrorCode } from '../../base/error-codes.js';
import { type GetStatsResponse, StorageServiceDefinition } from '../../rpc/generated/ponos/v1/storage.js';
import type { StoredTaskStatus } from '../../store/aggregator-records.js';
import { dialNode } from '../management/dial-node.js';
import type { RunningNode } from './select-store.js';
import type { StoreStats } from './stats.js';

/** Its methods throw PonosError PEER_UNREACHABLE, REQUEST_DENIED, STORE_UNAVAILABLE, ABORTED. */
export interface StorageNode {
  stats(): Promise<StoreStats>;
  /** The bytes of an archive. */
  backup(): AsyncIterable<Uint8Array>;
  /** The bytes of an export. */
  export(options: { readonly slashingProtection: boolean }): AsyncIterable<Uint8Array>;
}

/** A piece of a backup or export, with room. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Dials the node for the action. @throws PonosError what the action throws */
export async function withStorageNode<T>(
  target: RunningNode,
  signal: AbortSignal,
  action: (node: StorageNode) => Promise<T>,
): Promise<T> {
  const node = dialNode(target, MAX_MESSAGE_BYTES);
  const client = createClient(StorageServiceDefinition, node.channel);
  const fail = async (error: unknown) => {
    throw (await node.explain(error)) ?? nodeError(error, target.address, signal);
  };
  async function* dataOf(stream: AsyncIterable<{ data: Uint8Array }>): AsyncGenerator<Uint8Array> {
    try {
      for await (const { data } of stream) yield data;
    } catch (error) {
      await fail(error);
    }
  }
  try {
    return await action({
      stats: async () => fromMessage(await client.getStats({}, { signal }).catch(fail)),
      backup: () => dataOf(client.backup({}, { signal })),
      export: (options) => dataOf(client.export(options, { signal })),
    });
  } finally {
    node.close();
  }
}

const ANSWERS: Partial<Record<Status, { readonly code: ErrorCode; readonly advice: string }>> = {
  [Status.UNIMPLEMENTED]: {
    code: 'PEER_UNREACHABLE',
    advice:
      'Name the management port (managementServerGrpcPort) of a node that is not older than this program.',
  },
  [Status.PERMISSION_DENIED]: {
    code: 'REQUEST_DENIED',
    advice: 'Run the command on the machine of the node, with --node 127.0.0.1:PORT.',
  },
  [Status.INVALID_ARGUMENT]: {
    code: 'STORE_MISMATCH',
    advice: 'Name the management port of an executor.',
  },
  [Status.FAILED_PRECONDITION]: {
    code: 'STORE_UNAVAILABLE',
    advice:
      'See the log of the node; `ponos storage verify` on its directory, once it is stopped, tells what is damaged.',
  },
};

function nodeError(error: unknown, address: string, signal: AbortSignal): unknown {
  if (signal.aborted) return abortError(signal);
  if (!(error instanceof ClientError)) return error;
  const answer = ANSWERS[error.code];
  return new PonosError(answer?.code ?? 'PEER_UNREACHABLE', {
    message: answer === undefined ? 'the node does not answer' : `the node refuses: ${error.details}`,
    facts: { node: address },
    advice:
      answer?.advice ??
      'Check that it runs, and that this is its management port. A stopped node is reached with --dir DIR.',
    // A refusal is in the message already, in the node's own words.
    cause: answer === undefined ? error : undefined,
  });
}

function fromMessage(message: GetStatsResponse): StoreStats {
  const { role, schemaVersion, files, oldestMs, newestMs } = message;
  const optional = (value: bigint | undefined) => (value === undefined ? undefined : Number(value));
  return {
    role: role === 'executor' ? 'executor' : 'aggregator',
    schemaVersion,
    namespaces: message.namespaces.map(({ namespace, records, bytes }) => ({
      namespace,
      records: Number(records),
      bytes: Number(bytes),
    })),
    files: files && { dir: files.dir, files: Number(files.files), bytes: Number(files.bytes) },
    chains: message.chains.map((chain) => ({
      chainId: chainId(chain.chainId),
      lastBlock: blockNumber(chain.lastBlock) as BlockNumber,
      lastBlockHash: chain.lastBlockHash as Hash32,
    })),
    tasks: Object.fromEntries(
      Object.entries(message.tasks).map(([status, count]) => [status as StoredTaskStatus, Number(count)]),
    ),
    oldestMs: optional(oldestMs),
    newestMs: optional(newestMs),
    damaged: Number(message.damaged),
  };
}
