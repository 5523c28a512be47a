/** Every socket that this process dials, while a file of tests runs. */
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterAll, beforeAll } from '@jest/globals';

/** To be called at the top of a file. @returns the sockets that were connected to a port so far */
export function dialledSockets(): (port: number) => Socket[] {
  const connected: { readonly socket: Socket; readonly port: number | undefined }[] = [];
  const note = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket };
    // A socket that is closed does not know any more where it led.
    socket.once('connect', () => connected.push({ socket, port: socket.remotePort }));
  };
  beforeAll(() => diagnostics.subscribe('net.client.socket', note));
  afterAll(() => {
    diagnostics.unsubscribe('net.client.socket', note);
  });
  return (port) => connected.filter((one) => one.port === port).map(({ socket }) => socket);
}
