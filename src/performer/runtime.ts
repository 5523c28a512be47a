/** The performer port: how one instance of an AVS's program is started and stopped, wherever it runs. */
import type { Address } from '../base/brands.js';
import type { PerformerEnv } from './env.js';

/** The port a performer serves gRPC on where it has an address of its own (containers). */
export const PERFORMER_PORT = 8080;

export interface PerformerImage {
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…`; wins over the tag. */
  readonly digest?: string;
}

export interface PerformerResources {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Processes and threads. */
  readonly pids: number;
  readonly readOnlyRootfs: boolean;
  /** User (and group) inside a container; default: the image's. */
  readonly user?: string;
}

/** What to run for an AVS. A container runtime needs `image`, the process runtime `command`. */
export interface PerformerSpec {
  readonly avs: Address;
  readonly image?: PerformerImage;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: PerformerEnv;
  readonly resources: PerformerResources;
}

export interface PerformerExit {
  /** In words: `exited with code 1`, `out of memory`, … */
  readonly reason: string;
  /** The last lines it printed. */
  readonly lastLines: readonly string[];
}

/** What the engine calls the container of an instance. */
export interface PerformerContainer {
  readonly id: string;
  /** `sha256:…` of the image that it was made of, whatever tag was asked for. */
  readonly imageId: string;
}

export interface PerformerInstance {
  /** Unique on this machine: the container's name, or `process-<pid>`. */
  readonly id: string;
  /** Undefined for a process. */
  readonly container?: PerformerContainer;
  readonly avs: Address;
  /** Where it serves gRPC: `host:port`. It may not be listening yet. */
  readonly endpoint: string;
  /** Resolves when it has ended, by itself or by `stop`; never rejects. */
  readonly exited: Promise<PerformerExit>;
  /** The last lines it printed so far. */
  lastLines(): readonly string[];
  /** Asks it to end, kills it with all its children after `graceMs`, and leaves nothing behind. May be called twice. */
  stop(graceMs: number): Promise<void>;
}

export interface PerformerRuntime {
  /**
   * Starts an instance and resolves when it runs (not when it serves; that is asked by gRPC).
   * @throws PonosError PERFORMER_UNAVAILABLE when it cannot be started, DOCKER_UNAVAILABLE without
   *   an engine, IMAGE_MISSING without an image, CONFIG_INVALID for a spec of another runtime, ABORTED
   */
  deploy(spec: PerformerSpec, signal: AbortSignal): Promise<PerformerInstance>;
  /** Stops every instance that still runs, at once. */
  close(): Promise<void>;
}
