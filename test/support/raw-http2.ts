/** HTTP/2 spoken frame by frame, for what no client library lets one do. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const FRAME = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, continuation: 9 } as const;
export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The header block of a gRPC call. */
export function callHeaders(path: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.of(0x83, 0x86), // :method POST, :scheme http
    Buffer.of(0x04), // :path
    text(path),
    Buffer.of(0x01), // :authority
    text('x'),
    Buffer.of(0x0f, 0x10), // content-type
    text('application/grpc'),
  ]);
}

export interface RawConnection {
  readonly socket: Socket;
  /** Resolves when the server has closed it. */
  readonly closed: Promise<void>;
}

/** A connection from a loopback address of the caller's choice; nothing is sent on it. */
export async function connectRaw(port: number, localAddress = '127.0.0.9'): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  // What is not read is never over.
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return { socket, closed };
}

/** As `connectRaw`, and says that HTTP/2 follows. */
export async function connectHttp2Raw(port: number, localAddress?: string): Promise<RawConnection> {
  const connection = await connectRaw(port, localAddress);
  connection.socket.write(
    Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0, Buffer.alloc(0))]),
  );
  return connection;
}

/** Whether what was sent before was heard: a ping behind it is answered. Other frames come at any time, and tell nothing. */
export async function isHeard({ socket, closed }: RawConnection): Promise<boolean> {
  const content = randomBytes(8);
  const answer = frame(FRAME.ping, FLAG.ack, 0, content);
  let received = Buffer.alloc(0);
  const answered = new Promise<boolean>((resolve) => {
    const onData = (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (!received.includes(answer)) return;
      socket.off('data', onData);
      resolve(true);
    };
    socket.on('data', onData);
  });
  socket.write(frame(FRAME.ping, 0, 0, content));
  return Promise.race([answered, closed.then(() => false)]);
}

/** Writes until it is written, or until the server has closed the connection. */
export async function flood({ socket, closed }: RawConnection, bytes: Buffer, times: number): Promise<void> {
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  for (let time = 0; time < times && !isClosed; time += 1) {
    if (socket.write(bytes)) continue;
    await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
}
