/** A pull as the engine tells it: how far it is, and why it failed. Pure. */

import { PonosError } from '../base/error.js';
import type { ErrorCode } from '../base/error-codes.js';
import type { DeployProgress } from './runtime.js';

/** One line of the engine's answer to a pull. */
export interface PullLine {
  readonly status?: string;
  /** Of a layer; the tag, in the line that names it. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** The pull has failed. */
  readonly error?: string;
}

export interface PullSummary {
  readonly layers: number;
  readonly layersDone: number;
  /** Of the layers whose size is known so far. */
  readonly downloadedBytes: number;
  readonly totalBytes: number;
}

interface Layer {
  isDone: boolean;
  downloadedBytes: number;
  totalBytes: number;
}

const LAYER_STATUS =
  /^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete|Already exists)/;

/** Adds the lines of one pull up. */
export class PullProgress {
  readonly #layers = new Map<string, Layer>();

  /** @returns what the line says about a layer; undefined for any other line */
  take({ status = '', id, progressDetail }: PullLine): DeployProgress['layer'] | undefined {
    if (id === undefined || !LAYER_STATUS.test(status)) return undefined;
    const layer = this.#layers.get(id) ?? { isDone: false, downloadedBytes: 0, totalBytes: 0 };
    this.#layers.set(id, layer);
    const { current, total } = progressDetail ?? {};
    if (status === 'Downloading') {
      layer.downloadedBytes = current ?? layer.downloadedBytes;
      layer.totalBytes = total ?? layer.totalBytes;
    }
    if (status === 'Download complete') layer.downloadedBytes = layer.totalBytes;
    layer.isDone = status === 'Pull complete' || status === 'Already exists';
    return { id, currentBytes: current, totalBytes: total };
  }

  get summary(): PullSummary {
    const layers = [...this.#layers.values()];
    return {
      layers: layers.length,
      layersDone: layers.filter(({ isDone }) => isDone).length,
      downloadedBytes: layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0),
      totalBytes: layers.reduce((sum, layer) => sum + layer.totalBytes, 0),
    };
  }
}

interface PullFailure {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly what: string;
  readonly advice: string;
}

const CHECK_NAME = 'Check avsPerformers[].image, or build the image on this machine.';
const LOG_IN =
  'Log in to the registry with `docker login` as the user of this node (~/.docker, or DOCKER_CONFIG).';
const WAIT = 'It is tried again; pull it with docker by hand if that helps.';

/** Engines tell failures in prose only. The first row that matches counts. */
const FAILURES: readonly PullFailure[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: 'IMAGE_PULL_FAILED',
    what: 'the disk of the Docker engine has no room for it',
    advice: 'Make room, e.g. with `docker system prune`; then it is pulled by itself.',
  },
  {
    pattern: /toomanyrequests|too many requests|rate limit/i,
    code: 'IMAGE_PULL_FAILED',
    what: 'its registry allows no more pulls for now',
    advice: LOG_IN,
  },
  {
    // Registries that hide what exists say this of unknown images, too.
    pattern: /pull access denied|access to the resource is denied/i,
    code: 'IMAGE_MISSING',
    what: 'its registry does not have it, or does not give it to this login',
    advice: `${CHECK_NAME} ${LOG_IN}`,
  },
  {
    pattern:
      /unauthorized|authentication required|no basic auth credentials|incorrect username|forbidden|denied/i,
    code: 'IMAGE_MISSING',
    what: 'its registry refuses this login',
    advice: LOG_IN,
  },
  {
    pattern: /no matching manifest|does not match the (specified|detected) platform/i,
    code: 'IMAGE_MISSING',
    what: 'its registry has it for other kinds of machines only',
    advice: CHECK_NAME,
  },
  {
    pattern: /manifest unknown|name unknown|not found|invalid reference format|must be lowercase/i,
    code: 'IMAGE_MISSING',
    what: 'its registry does not have it',
    advice: CHECK_NAME,
  },
  {
    pattern:
      /connection refused|no such host|timeout|timed out|connection reset|unreachable|no route|EOF|dial tcp|tls:|x509|certificate|server misbehaving|server gave HTTP response|50\d /i,
    code: 'IMAGE_PULL_FAILED',
    what: 'its registry does not answer as it should',
    advice: WAIT,
  },
];

const OTHER: Omit<PullFailure, 'pattern'> = {
  code: 'IMAGE_PULL_FAILED',
  what: 'it cannot be pulled',
  advice: WAIT,
};

/** @param reason what the engine said */
export function pullFailure(reference: string, reason: string): PonosError {
  const { code, what, advice } = FAILURES.find(({ pattern }) => pattern.test(reason)) ?? OTHER;
  return new PonosError(code, {
    message: `the image ${reference} is not on this machine, and ${what}`,
    advice,
    // The addresses of layers may be signed ones: whoever has the query has the layer.
    cause: new Error(reason.replace(/\?[^\s"']+/g, '')),
  });
}
