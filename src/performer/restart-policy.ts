/** When a performer that ended is started again. */
import { isPonosError } from '../base/error.js';
import type { ErrorCode } from '../base/error-codes.js';
import type { LossCause } from './runtime.js';

const MAX_RESTARTS = 5;
const FIRST_DELAY_MS = 2_000;
const MAX_DELAY_MS = 30_000;
const ENGINE_CODES: readonly ErrorCode[] = [
  'DOCKER_UNAVAILABLE',
  'IMAGE_PULL_FAILED',
  'KUBERNETES_REFUSED',
  'KUBERNETES_UNAVAILABLE',
];
/** A performer that was healthy this long has recovered: its count starts anew. */
const HEALTHY_RESET_MS = 60_000;

export interface RestartPlan {
  readonly delayMs: number;
  /** Restarts in a row, this one included. */
  readonly restarts: number;
}

/**
 * @param restarts restarts in a row before this end
 * @param healthyForMs how long it was in service since its last start
 * @returns undefined when it is given up, which it never is for an engine that is gone
 */
export function planRestart(
  restarts: number,
  healthyForMs: number,
  cause: LossCause,
): RestartPlan | undefined {
  const counted = healthyForMs >= HEALTHY_RESET_MS ? 0 : restarts;
  // Once the engine is back, the performer still has a restart of its own.
  const before = cause === 'engine' ? Math.min(counted, MAX_RESTARTS - 2) : counted;
  if (before >= MAX_RESTARTS) return undefined;
  return { delayMs: Math.min(FIRST_DELAY_MS * 2 ** before, MAX_DELAY_MS), restarts: before + 1 };
}

/** Whose fault it is that a start failed: what neither the engine nor a registry can do is the performer's. */
export function causeOf(error: unknown): LossCause {
  return isPonosError(error) && ENGINE_CODES.includes(error.code) ? 'engine' : 'performer';
}
