/** Errors of the Docker engine in our words. */
import { isPonosError, PonosError } from '../base/error.js';

/** The HTTP status the engine answered with; undefined when it did not answer. */
export function engineStatus(error: unknown): number | undefined {
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return undefined;
}

function engineFailed(error: unknown): boolean {
  return (engineStatus(error) ?? 0) >= 500;
}

/** @param what what was tried, e.g. `start the performer's container` */
export function dockerError(error: unknown, what: string): PonosError {
  if (isPonosError(error)) return error;
  if (engineStatus(error) === undefined) {
    return new PonosError('DOCKER_UNAVAILABLE', {
      message: `the Docker engine does not answer; cannot ${what}`,
      advice:
        'Start Docker and allow this user to use it (group docker), set DOCKER_HOST, or use deploymentMode process.',
      cause: error,
    });
  }
  // An engine that is shutting down, or has no room left, fails in the middle: no fault of a performer.
  if (engineFailed(error)) {
    return new PonosError('DOCKER_UNAVAILABLE', {
      message: `the Docker engine failed to ${what}`,
      advice: 'Look into the log of the engine, e.g. with `journalctl -u docker`.',
      cause: error,
    });
  }
  return new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the Docker engine refused to ${what}`,
    cause: error,
  });
}

/** Awaits an engine call, and ignores its answer when it is one of these statuses (e.g. 404: gone already). */
export async function unlessStatus(call: Promise<unknown>, ...statuses: readonly number[]): Promise<void> {
  try {
    await call;
  } catch (error) {
    const status = engineStatus(error);
    if (status === undefined || !statuses.includes(status)) throw error;
  }
}
