/**
 * An executor that speaks HTTP/2 as badly as it likes. Everything it sends goes through a socket of its own, which
 * counts what the other side has taken and can leave HTTP/2 behind altogether.
 */
import { once } from 'node:events';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

export type Misbehaviour =
  /** Accepts the call and says nothing. */
  | 'silence'
  /** Announces a message of the longest allowed length and sends a hundred bytes of it every now and then. */
  | 'trickle'
  /** Announces 256 MiB and sends them as fast as they are taken. */
  | 'long reply'
  /** 256 MiB, packed into some hundred KiB. */
  | 'gzip bomb'
  /** A message that is marked as packed, but not how. */
  | 'unnamed packing'
  /** Messages without end, where one is due. */
  | 'many replies'
  /** Response headers that never end. */
  | 'endless headers'
  /** A message, then trailers that never end. */
  | 'endless trailers'
  /** Preliminary responses without end. */
  | 'endless early hints'
  /** Bytes that are no HTTP/2. */
  | 'garbage'
  /** Hangs up in the middle of the message. */
  | 'cut off';

export interface HostileExecutor {
  readonly port: number;
  /** What it does to the next calls, which are numbered from 0. */
  behave: (call: number) => Misbehaviour;
  /** The request headers of each call so far. */
  readonly calls: readonly Readonly<Record<string, unknown>>[];
  /** Calls that nobody has ended. */
  readonly openCalls: number;
  readonly openSockets: number;
  readonly socketsEver: number;
  /** Bytes that left for callers, of all sockets. */
  readonly sentBytes: number;
  close(): Promise<void>;
}

const ANNOUNCED_BYTES = 256 * 1024 * 1024;
const LONGEST_ALLOWED_BYTES = 2 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024);
const TRICKLE_MS = 20;
const GRPC_HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
const FRAME = { headers: 1, continuation: 9 };

/** @param port 0 for any */
export async function hostileExecutor(port = 0): Promise<HostileExecutor> {
  const calls: Readonly<Record<string, unknown>>[] = [];
  /** By the port of the inner connection: what goes to the caller when HTTP/2 is left. */
  const outsides = new Map<number, Outside>();
  const counts = { openCalls: 0, openSockets: 0, socketsEver: 0, closedBytes: 0 };

  const inner = createHttp2Server();
  inner.on('sessionError', () => undefined);
  inner.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const outside = outsides.get(stream.session?.socket?.remotePort ?? 0);
    // Its caller has hung up before the call came through.
    if (outside === undefined) return stream.destroy();
    const number = calls.push(headers) - 1;
    counts.openCalls += 1;
    stream.on('close', () => {
      counts.openCalls -= 1;
    });
    misbehave(hostile.behave(number), stream, outside);
  });
  inner.listen(0, '127.0.0.1');
  await once(inner, 'listening');
  const innerPort = (inner.address() as AddressInfo).port;

  const outer = createServer((socket) => {
    counts.openSockets += 1;
    counts.socketsEver += 1;
    const inside = connect(innerPort, '127.0.0.1');
    const outside = new Outside(socket, inside);
    inside.once('connect', () => {
      outsides.set(inside.localPort ?? 0, outside);
      socket.pipe(inside);
      inside.pipe(socket);
    });
    inside.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket
      .on('error', () => inside.destroy())
      .on('close', () => {
        counts.openSockets -= 1;
        counts.closedBytes += socket.bytesWritten;
        outsides.delete(inside.localPort ?? 0);
        inside.destroy();
      });
  });
  outer.listen(port, '127.0.0.1');
  await once(outer, 'listening');

  const hostile: HostileExecutor = {
    port: (outer.address() as AddressInfo).port,
    behave: () => 'silence',
    calls,
    get openCalls() {
      return counts.openCalls;
    },
    get openSockets() {
      return counts.openSockets;
    },
    get socketsEver() {
      return counts.socketsEver;
    },
    get sentBytes() {
      return [...outsides.values()].reduce((sum, { sentBytes }) => sum + sentBytes, counts.closedBytes);
    },
    async close() {
      for (const outside of [...outsides.values()]) outside.hangUp();
      await Promise.all([outer, inner].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return hostile;
}

/** A caller's connection. */
class Outside {
  readonly #socket: Socket;
  readonly #inside: Socket;

  constructor(socket: Socket, inside: Socket) {
    this.#socket = socket;
    this.#inside = inside;
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  /** Sends these bytes in place of HTTP/2, then the last again and again for as long as they are taken. */
  leaveHttp2(first: Buffer, forEver: Buffer): void {
    this.#inside.unpipe(this.#socket);
    const push = (bytes: Buffer) => {
      if (!this.#socket.destroyed) this.#socket.write(bytes, () => setImmediate(push, forEver));
    };
    push(first);
  }
}

function misbehave(what: Misbehaviour, stream: ServerHttp2Stream, outside: Outside): void {
  const id = stream.id ?? 1;
  switch (what) {
    case 'silence':
      return;
    case 'trickle': {
      stream.respond(GRPC_HEADERS);
      stream.write(announce(LONGEST_ALLOWED_BYTES));
      const timer = setInterval(() => stream.write(Buffer.alloc(100)), TRICKLE_MS);
      stream.once('close', () => clearInterval(timer));
      return;
    }
    case 'long reply':
      stream.respond(GRPC_HEADERS);
      stream.write(announce(ANNOUNCED_BYTES));
      pushForEver(stream, CHUNK);
      return;
    case 'gzip bomb': {
      const bomb = packedZeros(ANNOUNCED_BYTES);
      stream.respond({ ...GRPC_HEADERS, 'grpc-encoding': 'gzip' });
      stream.write(Buffer.concat([announce(bomb.length, true), bomb]));
      return;
    }
    case 'unnamed packing':
      stream.respond(GRPC_HEADERS);
      stream.write(Buffer.concat([announce(4, true), Buffer.from('oops')]));
      return;
    case 'many replies':
      stream.respond(GRPC_HEADERS);
      pushForEver(stream, announce(0));
      return;
    case 'endless headers':
      outside.leaveHttp2(frame(FRAME.headers, id, STATUS_200), frame(FRAME.continuation, id, LITERAL_FIELDS));
      return;
    case 'endless trailers':
      stream.respond(GRPC_HEADERS);
      stream.write(announce(0), () =>
        outside.leaveHttp2(
          frame(FRAME.headers, id, Buffer.alloc(0)),
          frame(FRAME.continuation, id, LITERAL_FIELDS),
        ),
      );
      return;
    case 'endless early hints': {
      const push = () => {
        if (stream.destroyed) return;
        stream.additionalHeaders({ ':status': 103, 'x-more': 'x'.repeat(1_000) });
        setImmediate(push);
      };
      push();
      return;
    }
    case 'garbage':
      outside.leaveHttp2(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), CHUNK);
      return;
    case 'cut off':
      stream.respond(GRPC_HEADERS);
      stream.write(Buffer.concat([announce(1_000), Buffer.alloc(10)]), () => outside.hangUp());
      return;
  }
}

/** What is packed in pieces unpacks as one. */
function packedZeros(length: number): Buffer {
  const piece = gzipSync(Buffer.alloc(1024 * 1024), { level: 9 });
  return Buffer.concat(Array.from({ length: length / (1024 * 1024) }, () => piece));
}

/** The five bytes before a message. */
function announce(length: number, isPacked = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isPacked ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** The callback of a write comes when the other side's flow control has let it out. */
function pushForEver(stream: ServerHttp2Stream, bytes: Buffer): void {
  stream.write(bytes, (error) => {
    if (!error && !stream.destroyed) setImmediate(pushForEver, stream, bytes);
  });
}

/** An HTTP/2 frame without flags, thus one that others must follow. */
function frame(type: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** `:status: 200` in HPACK. */
const STATUS_200 = Buffer.from([0x88]);
/** 15 KiB of fields `x: xxx…` in HPACK, literal and not indexed. */
const LITERAL_FIELDS = Buffer.concat(
  Array.from({ length: 120 }, () =>
    Buffer.concat([Buffer.from([0, 1, 0x78, 0x7d]), Buffer.alloc(0x7d, 0x78)]),
  ),
);
