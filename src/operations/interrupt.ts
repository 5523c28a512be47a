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

/**
 * Calls `reload` at each SIGHUP, which then no longer ends the process; a node without certificates leaves it alone, so
 * that it ends with its terminal. @returns gives the signal back to Node's default
 */
export function onHangup(grpc: Pick<GrpcConfig, 'tls' | 'clientTls'>, reload: () => void): () => void {
  if (grpc.tls === undefined && grpc.clientTls === undefined) return () => undefined;
  process.on('SIGHUP', reload);
  return () => process.off('SIGHUP', reload);
}
