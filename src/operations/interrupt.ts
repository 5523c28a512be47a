/** Ctrl-C and SIGTERM as an AbortSignal. */
import { PonosError } from '../base/error.js';
import type { GrpcConfig } from '../config/types.js';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node's default (which ends the process). */
  release(): void;
}

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once, as users expect. */
export function abortOnInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  const onSignal = () => {
    release();
    controller.abort(new PonosError('ABORTED', { message: 'stopped on request' }));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { signal: controller.signal, release };
}

/** Resolves when the signal has aborted. */
export function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export interface Hangup {
  /** Called at each SIGHUP; nothing as long as the node has not begun to serve: its files are just being read. */
  reload: () => void;
  /** Gives the signal back to Node's default. */
  release(): void;
}

/**
 * From now on SIGHUP does not end the process: whoever renews certificates does not know whether the node starts or stops.
 * A node without certificates leaves the signal alone, so that it ends with its terminal.
 */
export function onHangup(grpc: Pick<GrpcConfig, 'tls' | 'clientTls'>): Hangup {
  const onSignal = () => hangup.reload();
  const hangup: Hangup = { reload: () => undefined, release: () => void process.off('SIGHUP', onSignal) };
  if (grpc.tls !== undefined || grpc.clientTls !== undefined) process.on('SIGHUP', onSignal);
  return hangup;
}
