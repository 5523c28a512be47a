/** Makes sure that a performer's image is on this machine. */
import type Docker from 'dockerode';
import { abortError } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { dockerError, engineStatus } from './docker-errors.js';

const PULL_TIMEOUT_MS = 10 * 60_000;

/**
 * Pulls the image unless it is present.
 * @param reference `repository:tag` or `repository@sha256:…`
 * @throws PonosError IMAGE_MISSING, DOCKER_UNAVAILABLE, or ABORTED
 */
export async function ensureImage(
  docker: Docker,
  reference: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    await docker.getImage(reference).inspect();
    return;
  } catch (error) {
    if (engineStatus(error) !== 404) throw dockerError(error, `look for the image ${reference}`);
  }
  logger.info('pulling the image of a performer', { image: reference });
  try {
    await pull(docker, reference, logger, AbortSignal.any([signal, AbortSignal.timeout(PULL_TIMEOUT_MS)]));
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    throw new PonosError('IMAGE_MISSING', {
      message: `the image ${reference} is not on this machine and cannot be pulled`,
      advice:
        'Check avsPerformers[].image, build the image here, or log in to its registry and pull it with docker.',
      cause: error,
    });
  }
}

async function pull(docker: Docker, reference: string, logger: Logger, signal: AbortSignal): Promise<void> {
  const progress = await docker.pull(reference, { abortSignal: signal });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      progress,
      // The engine reports a failed download in the stream; followProgress hands it over as the error.
      (error) => (error === null || error === undefined ? resolve() : reject(error)),
      (event: { status?: string; id?: string }) => {
        if (event.status === 'Pull complete' || event.id === undefined) {
          logger.debug('pulling', { image: reference, status: event.status, layer: event.id });
        }
      },
    );
  });
}
