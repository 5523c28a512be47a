/** Makes sure that a performer's image is on this machine. */
import type Docker from 'dockerode';
import { abortError, abortWith, type Clock } from '../base/clock.js';
import { explain, isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import { readCredentials } from './docker-credentials.js';
import { dockerError, engineStatus } from './docker-errors.js';
import { type PullLine, PullProgress, pullFailure } from './docker-pull.js';
import { type RegistryAuth, registryOf } from './docker-registry-auth.js';
import { jsonLines } from './json-lines.js';
import { imageReference } from './performer-identity.js';
import type { PerformerImage, ProgressListener } from './runtime.js';

/** A pull may take an hour; one of which nothing is heard for so long hangs. */
const SILENCE_MS = 5 * 60_000;
const LOG_INTERVAL_MS = 10_000;

export interface ImageOptions {
  /** Without the engine's usual timeout: a pull is silent while it unpacks. */
  readonly patient: Docker;
  /** This program's own environment: it says where the credentials for registries are. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Pulls the image unless it is present. One that is named by its digest has that digest afterwards.
 * @throws PonosError IMAGE_MISSING (it does not exist, or not for this login), IMAGE_PULL_FAILED (not now),
 *   CONFIG_INVALID and FILE_UNREADABLE for credentials that cannot be read, DOCKER_UNAVAILABLE, ABORTED
 */
export async function ensureImage(
  docker: Docker,
  image: PerformerImage,
  options: ImageOptions,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<void> {
  if (await isPresent(docker, image)) return;
  const reference = imageReference(image);
  const { processEnv, clock } = options;
  const auth = await readCredentials(registryOf(image.repository), { processEnv }, signal);
  const logger = options.logger.child({ image: reference });
  logger.info('pulling the image of a performer', { login: auth !== undefined });
  const sinceMs = clock.monotonicMs();
  const progress = new PullProgress();
  try {
    await pull(reference, auth, progress, { ...options, logger }, signal, onProgress);
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    throw error;
  }
  if (!(await isPresent(docker, image))) throw pullFailure(reference, 'what arrived has another digest');
  const seconds = Math.round((clock.monotonicMs() - sinceMs) / 1000);
  logger.info('pulled the image of a performer', { ...progress.summary, seconds });
}

async function isPresent(docker: Docker, image: PerformerImage): Promise<boolean> {
  const reference = imageReference(image);
  try {
    const { RepoDigests } = await docker.getImage(reference).inspect();
    return image.digest === undefined || RepoDigests.some((known) => known.endsWith(`@${image.digest}`));
  } catch (error) {
    if (engineStatus(error) === 404) return false;
    if (engineStatus(error) === 400) throw pullFailure(reference, explain(error));
    throw dockerError(error, `look for the image ${reference}`);
  }
}

async function pull(
  reference: string,
  auth: Secret<RegistryAuth> | undefined,
  progress: PullProgress,
  { patient, clock, logger }: ImageOptions,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<void> {
  const end = new AbortController();
  const unlink = abortWith(end, signal);
  let isSilent = false;
  const timer = setTimeout(() => {
    isSilent = true;
    end.abort();
  }, SILENCE_MS);
  let loggedMs = clock.monotonicMs();
  try {
    const stream = await patient.pull(reference, {
      abortSignal: end.signal,
      ...(auth === undefined ? {} : { authconfig: auth.reveal() }),
    });
    for await (const line of jsonLines(stream)) {
      timer.refresh();
      const { status, error, ...rest } = line as PullLine;
      if (error !== undefined) throw pullFailure(reference, error);
      const layer = progress.take({ status, ...rest });
      if (layer !== undefined) onProgress?.({ step: 'image', detail: status, layer });
      if (clock.monotonicMs() - loggedMs < LOG_INTERVAL_MS) continue;
      loggedMs = clock.monotonicMs();
      logger.info('still pulling the image of a performer', { ...progress.summary });
    }
  } catch (error) {
    if (isSilent) {
      throw pullFailure(reference, `timeout: nothing arrived for ${SILENCE_MS / 60_000} minutes`);
    }
    if (isPonosError(error)) throw error;
    if (engineStatus(error) !== undefined) throw pullFailure(reference, explain(error));
    throw dockerError(error, `pull the image ${reference}`);
  } finally {
    clearTimeout(timer);
    unlink();
  }
}
