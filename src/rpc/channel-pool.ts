/** Connections to executors: one per socket, shared by all tasks, closed when idle. */
import { type Channel, ChannelCredentials } from '@grpc/grpc-js';
import {
  type CallOptions,
  type Client,
  type ClientMiddlewareCall,
  createChannel,
  createClientFactory,
} from 'nice-grpc';
import { PonosError } from '../base/error.js';
import { clientChannelOptions, MAX_MESSAGE_BYTES } from './channel-options.js';
import { withConnectionFailure } from './connection-failure.js';
import { ExecutorServiceDefinition } from './generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { Dial } from './open-tls.js';
import { OwnedConnections } from './owned-connections.js';
import { formatSocketAddress, parseSocketAddress, type SocketAddress } from './socket-address.js';

/** A result's output is at most 1.5 MiB; the rest of the message is slack. */
const MAX_RESULT_BYTES = 2 * 1024 * 1024;

export interface ChannelPoolOptions {
  /** Largest reply that is read. Default 2 MiB. */
  readonly maxReceiveBytes?: number;
  /** A connection without calls is closed after this time, and opened anew when needed. Default 2 minutes. */
  readonly idleMs?: number;
  /** Sockets remembered at once; beyond it the ones unused for longest are forgotten. Default 4096. */
  readonly maxChannels?: number;
  /** Default: plaintext. */
  readonly dial?: Dial;
}

export type ExecutorClient = Client<typeof ExecutorServiceDefinition>;

export interface ChannelPool {
  /**
   * The client of an executor's socket (`host:port`); it costs no I/O until it is called. `name` is the host as
   * the executor publishes it, where the socket has an address in its place: TLS asks for that name. Give every
   * call a `signal` with its deadline: calls are not retried and have no deadline of their own.
   * Failures are nice-grpc's ClientError, which tells why TLS has failed, an abort is its AbortError.
   * @throws PonosError VALUE_INVALID for a malformed socket, ABORTED after `close`
   */
  executor(socket: string, name?: string): ExecutorClient;
  /** Executors known now. */
  readonly size: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Cancels what is in flight and closes every connection. */
  close(): void;
}

interface PooledChannel {
  readonly channel: Channel;
  readonly client: ExecutorClient;
  readonly connections: OwnedConnections;
  callsInFlight: number;
  idle: NodeJS.Timeout | undefined;
}

export function createChannelPool(options: ChannelPoolOptions = {}): ChannelPool {
  const { maxChannels = 4096, idleMs = 2 * 60_000 } = options;
  const dial: Dial = options.dial ?? (() => ChannelCredentials.createInsecure());
  // In order of use: the least recently used one first.
  const pool = new Map<string, PooledChannel>();
  let closed = false;

  function open({ host, port }: SocketAddress, name: string): PooledChannel {
    // `dns:` fixes the resolver, whatever the host's name looks like.
    const credentials = dial(host, name);
    const connections = new OwnedConnections(credentials);
    const channel = createChannel(`dns:${formatSocketAddress({ host, port })}`, connections, {
      ...clientChannelOptions(options.maxReceiveBytes ?? MAX_RESULT_BYTES, MAX_MESSAGE_BYTES),
      'grpc.default_authority': formatSocketAddress({ host: name, port }),
      // Connections belong to this pool; gRPC's shared ones would outlive it.
      'grpc.use_local_subchannel_pool': 1,
    });
    async function* count<Request, Response>(
      call: ClientMiddlewareCall<Request, Response>,
      callOptions: CallOptions,
    ) {
      pooled.callsInFlight += 1;
      clearTimeout(pooled.idle);
      try {
        return yield* call.next(call.request, callOptions);
      } catch (error) {
        throw withConnectionFailure(error, credentials);
      } finally {
        pooled.callsInFlight -= 1;
        if (pooled.callsInFlight === 0) pooled.idle = setTimeout(() => connections.destroy(), idleMs).unref();
      }
    }
    const client = createClientFactory().use(count).create(ExecutorServiceDefinition, channel);
    const pooled: PooledChannel = { channel, client, connections, callsInFlight: 0, idle: undefined };
    return pooled;
  }

  function makeRoom(): void {
    for (const [key, pooled] of pool) {
      if (pool.size < maxChannels) return;
      if (pooled.callsInFlight > 0) continue;
      pool.delete(key);
      close(pooled);
    }
  }

  function close({ channel, connections, idle }: PooledChannel): void {
    clearTimeout(idle);
    channel.close();
    connections.destroy();
  }

  return {
    executor(text, named) {
      if (closed) throw new PonosError('ABORTED', { message: 'the connections to executors are closed' });
      const address = parseSocketAddress(text);
      const name = named?.toLowerCase() ?? address.host;
      const key = `${formatSocketAddress(address)} ${name}`;
      const pooled = pool.get(key) ?? open(address, name);
      pool.delete(key);
      makeRoom();
      pool.set(key, pooled);
      return pooled.client;
    },
    get size() {
      return pool.size;
    },
    get connections() {
      return [...pool.values()].reduce((sum, pooled) => sum + pooled.connections.size, 0);
    },
    close() {
      closed = true;
      for (const pooled of pool.values()) close(pooled);
      pool.clear();
    },
  };
}
