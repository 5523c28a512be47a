/**
 * The connections of one port, with limits that HTTP/2 and grpc-js do not have: how many there are, of the port and of
 * one peer; how long one may stay without a call; how many calls are open, again of both; and how much of requests that are not
 * complete yet is held in memory; how many calls one takes back. Floods of other frames (pings, settings, headers) are
 * nghttp2's own affair. On too many resets it only stops to listen, and the socket would stay.
 */
import type { Socket } from 'node:net';
import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { type ConnectionLimits, judge } from './connection-limits.js';
import { peerGroup } from './peer-group.js';
import { type TokenBucket, takeToken } from './peer-limiter.js';
import { RareWarnings } from './rare-warnings.js';

/** What one peer has. */
interface Group {
  readonly peer: string;
  connections: number;
  openCalls: number;
}

interface Connection {
  readonly socket: Socket;
  readonly group: Group;
  readonly openedMs: number;
  usedMs: number | undefined;
  openCalls: number;
  /** Calls that may still be taken back. */
  takeBacks: TokenBucket;
  /** Requests that are not complete, oldest first. */
  readonly arriving: Map<symbol, { readonly sinceMs: number; readonly bytesBefore: number }>;
}

const LOOK_MS = 1_000;

export interface ConnectionsOptions {
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  /** By `address:port` as grpc-js spells it, in order of use: what was not used for longest comes first. */
  readonly #open = new Map<string, Connection>();
  readonly #groups = new Map<string, Group>();
  #openCalls = 0;
  #looking: Promise<void> | undefined;
  readonly #closing = new AbortController();
  readonly #warnings: RareWarnings;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options);
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes a new connection, or closes it and returns false. */
  admit(socket: Socket): boolean {
    const key = keyOf(socket);
    const peer = peerGroup(socket.remoteAddress ?? '');
    const group = this.#groups.get(peer) ?? { peer, connections: 0, openCalls: 0 };
    const { limits } = this.#options;
    if (key === undefined || this.#closing.signal.aborted) return this.#refuse(socket);
    if (group.connections >= limits.maxConnectionsPerPeer) {
      this.#tell('too many connections of one peer; the new one is refused', peer);
      return this.#refuse(socket);
    }
    if (this.#open.size >= limits.maxConnections && !this.#makeRoom()) {
      this.#tell('too many connections, all with calls; the new one is refused', peer);
      return this.#refuse(socket);
    }
    const openedMs = this.#options.clock.monotonicMs();
    const connection: Connection = {
      socket,
      group,
      openedMs,
      usedMs: undefined,
      openCalls: 0,
      takeBacks: { tokens: limits.maxTakenBackCalls, updatedMs: openedMs },
      arriving: new Map(),
    };
    this.#open.set(key, connection);
    group.connections += 1;
    this.#groups.set(peer, group);
    socket.once('close', () => this.#forget(key, connection));
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return true;
  }

  /** Sees every call of a server; connections and calls are told apart by it. */
  readonly interceptor: ServerInterceptor = ({ requestStream }, call) => {
    const key = call.getPeer();
    const connection = this.#open.get(key);
    // Its connection is closed already.
    if (connection === undefined) return new ServerInterceptingCall(call);
    const id = Symbol(key);
    const over = this.#tooManyCalls(connection.group);
    this.#begin(key, connection, id, requestStream);
    const arrived = () => connection.arriving.delete(id);
    const end = once(() => {
      arrived();
      this.#end(connection);
    });
    let hasRequest = false;
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMessage: (message, go) => {
            hasRequest = true;
            go(message);
          },
          onReceiveHalfClose: (go) => {
            arrived();
            go();
          },
          // It is told of calls that were answered, too.
          onCancel: () => {
            if (end()) this.#takeBack(connection);
          },
        });
        if (over === undefined) return;
        this.#tell(`${over}; a new one is refused`, connection.group.peer);
        call.sendStatus({ code: status.UNAVAILABLE, details: over });
        end();
      },
      sendStatus: (sent, next) => {
        // What is taken back before its request has arrived is refused for want of that.
        if (end() && !hasRequest) this.#takeBack(connection);
        next(sent);
      },
    });
  };

  /** Closes all, at once, and takes no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const { socket } of this.#open.values()) socket.destroy();
    await this.#looking;
  }

  /** Why another call cannot be taken; undefined when it can. */
  #tooManyCalls({ openCalls }: Group): string | undefined {
    const { maxOpenCalls, maxOpenCallsPerPeer } = this.#options.limits;
    // Some calls last as long as their caller likes: without a share of its own, one peer could hold them all.
    if (openCalls >= maxOpenCallsPerPeer) return 'too many calls of this peer are open on this node';
    return this.#openCalls >= maxOpenCalls ? 'too many calls are open on this node' : undefined;
  }

  #begin(key: string, connection: Connection, id: symbol, isStream: boolean): void {
    const { clock } = this.#options;
    connection.usedMs = clock.monotonicMs();
    connection.openCalls += 1;
    connection.group.openCalls += 1;
    this.#openCalls += 1;
    connection.arriving.set(id, {
      // A stream of requests lasts as long as its caller likes.
      sinceMs: isStream ? Number.POSITIVE_INFINITY : clock.monotonicMs(),
      bytesBefore: connection.socket.bytesRead,
    });
    this.#open.delete(key);
    this.#open.set(key, connection);
  }

  #end(connection: Connection): void {
    connection.usedMs = this.#options.clock.monotonicMs();
    connection.openCalls -= 1;
    connection.group.openCalls -= 1;
    this.#openCalls -= 1;
  }

  #takeBack(connection: Connection): void {
    const { clock, limits } = this.#options;
    // What was open on a connection that is closed was not taken back.
    if (connection.socket.destroyed) return;
    const next = takeToken(
      connection.takeBacks,
      clock.monotonicMs(),
      limits.takenBackCallsPerSecond,
      limits.maxTakenBackCalls,
    );
    if (next !== undefined) {
      connection.takeBacks = next;
      return;
    }
    this.#tell('a peer takes back call after call; its connection is closed', connection.group.peer);
    connection.socket.destroy();
  }

  #forget(key: string, connection: Connection): void {
    // Whoever destroys it for want of room forgets it before it says that it is closed.
    if (this.#open.get(key) !== connection) return;
    connection.arriving.clear();
    this.#open.delete(key);
    const { group } = connection;
    group.connections -= 1;
    if (group.connections === 0) this.#groups.delete(group.peer);
  }

  /** Closes the connection without calls that was not used for longest; its client opens another when it needs one. */
  #makeRoom(): boolean {
    for (const [key, connection] of this.#open) {
      if (connection.openCalls > 0) continue;
      connection.socket.destroy();
      this.#forget(key, connection);
      return true;
    }
    return false;
  }

  /** While there are connections: closes those that stay too long, and those that hold too much. */
  async #look(): Promise<void> {
    while (this.#open.size > 0) {
      try {
        await this.#options.clock.sleep(LOOK_MS, this.#closing.signal);
      } catch {
        return; // closed
      }
      for (const connection of this.#open.values()) this.#closeOverdue(connection);
      this.#closeLarge([...this.#open.values()].filter(({ arriving }) => arriving.size > 0));
    }
  }

  #closeOverdue(connection: Connection): void {
    const { clock, limits } = this.#options;
    const sinceMs = [...connection.arriving.values()].map((request) => request.sinceMs);
    const arrivingSinceMs = sinceMs.length === 0 ? undefined : Math.min(...sinceMs);
    const reason = judge({ ...connection, arrivingSinceMs }, clock.monotonicMs(), limits);
    if (reason === undefined) return;
    if (reason === 'slow')
      this.#tell('a request did not arrive in time; its connection is closed', connection.group.peer);
    connection.socket.destroy();
  }

  #closeLarge(arriving: readonly Connection[]): void {
    const sized = arriving
      .map((connection) => ({ connection, bytes: arrivingBytes(connection) }))
      .sort((a, b) => b.bytes - a.bytes);
    let total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { connection, bytes } of sized) {
      if (total <= this.#options.limits.maxArrivingBytes) return;
      this.#tell(
        'too much of unfinished requests is held; the connection with most is closed',
        connection.group.peer,
      );
      connection.socket.destroy();
      total -= bytes;
    }
  }

  #refuse(socket: Socket): false {
    socket.destroy();
    return false;
  }

  #tell(message: string, peer: string): void {
    const { maxConnections, maxConnectionsPerPeer } = this.#options.limits;
    this.#warnings.warn(message, {
      peer,
      connections: this.#open.size,
      maxConnections,
      maxConnectionsPerPeer,
      calls: this.#openCalls,
    });
  }
}

/** What came since the oldest unfinished request began: at least what is held of all of them. */
function arrivingBytes({ socket, arriving }: Connection): number {
  const [first] = arriving.values();
  return first === undefined ? 0 : socket.bytesRead - first.bytesBefore;
}

/** As grpc-js spells a peer; undefined when it is gone already. */
function keyOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`;
}

/** The action at the first call only. @returns whether this call was the first */
function once(action: () => void): () => boolean {
  let done = false;
  return () => {
    if (done) return false;
    done = true;
    action();
    return true;
  };
}
