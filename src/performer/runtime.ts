/** The performer port: how one instance of an AVS's program is started, found again and stopped, wherever it runs. */
import type { Address } from '../base/brands.js';
import type { PonosError } from '../base/error.js';
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

/** A variable whose value the cluster takes from an object of its own: this node never sees it. */
export interface EnvReference {
  /** Of the variable. */
  readonly name: string;
  readonly source: 'secret' | 'configMap';
  /** Name of the Secret or ConfigMap. */
  readonly object: string;
  readonly key: string;
}

/** What concerns a performer in a cluster alone. */
export interface ClusterSettings {
  readonly serviceAccountName?: string;
  /** `host:port`, or a host with the usual port, at which it is reached. */
  readonly endpointOverride?: string;
  readonly envFrom: readonly EnvReference[];
}

/** A variable of a deployment by a call, in a later run of the node. */
export interface LostVariable {
  readonly name: string;
  /** The node's own variable that it comes from, which is not set. Absent: its value came with the call, and was never stored. */
  readonly valueFromEnv?: string;
}

/** What to run for an AVS. A container runtime needs `image`, the process runtime `command`. */
export interface PerformerSpec {
  readonly avs: Address;
  readonly image?: PerformerImage;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: PerformerEnv;
  /**
   * Variables whose values are known to nobody but the running instance. Such a spec can be adopted and not deployed.
   * Absent: none.
   */
  readonly lostEnv?: readonly LostVariable[];
  readonly resources: PerformerResources;
  /** For Kubernetes. */
  readonly cluster?: ClusterSettings;
}

/** How far a deployment has come. The runtime tells the first three steps, the pool the others. */
export interface DeployProgress {
  /** `image`: it is looked for, or pulled. `health`: it runs, and is asked whether it serves. */
  readonly step: 'image' | 'create' | 'start' | 'health' | 'promote';
  /** In words, for a person to read; no value of a variable. */
  readonly detail?: string;
  /** Of a layer that is pulled. */
  readonly layer?: { readonly id: string; readonly currentBytes?: number; readonly totalBytes?: number };
}

/** Called often during a pull. It returns at once and throws nothing. */
export type ProgressListener = (progress: DeployProgress) => void;

/** What a performer was lost by: itself (or whoever removed it), or the engine it ran in, which is not its fault. */
export type LossCause = 'performer' | 'engine';

export interface PerformerExit {
  /** In words: `exited with code 1`, `ran out of memory`, `was removed by somebody else`, … */
  readonly reason: string;
  /** `engine`: nobody knows whether it still runs; once the engine is back, `adopt` finds out. */
  readonly cause: LossCause;
  /** What the engine failed with, where that was the cause. */
  readonly error?: PonosError;
  /** The last lines it printed. */
  readonly lastLines: readonly string[];
}

/** What the engine calls the container of an instance; in Kubernetes, the `uid` of its object. */
export interface PerformerContainer {
  readonly id: string;
  /** `sha256:…` of the image that it was made of, whatever tag was asked for; undefined when a cluster does not tell. */
  readonly imageId: string | undefined;
}

export interface PerformerInstance {
  /** Unique in its engine: the name of the container or object, or `process-<pid>`. */
  readonly id: string;
  /** Undefined for a process. */
  readonly container?: PerformerContainer;
  readonly avs: Address;
  /** Where it serves gRPC: `host:port`. It may not be listening yet. */
  readonly endpoint: string;
  /** Resolves when it has ended, by itself or by `stop`, or is out of sight; never rejects. */
  readonly exited: Promise<PerformerExit>;
  /**
   * Whether it runs, and its image's own health check, if it has one, does not fail, as far as the engine has said.
   * Whether it serves is asked by gRPC.
   */
  isSound(): boolean;
  /** Why it is not sound, as far as its engine tells; undefined when it is. */
  unsoundness?(): string | undefined;
  /** The last lines it printed so far. */
  lastLines(): readonly string[];
  /** Asks it to end, kills it with all its children after `graceMs`, and leaves nothing behind. May be called twice. */
  stop(graceMs: number): Promise<void>;
}

/** An instance that was started before: by a run of the node that was killed, or before its engine went away. */
export interface EarlierInstance {
  readonly id: string;
  readonly avs: Address;
  /** Undefined for a process. */
  readonly containerId?: string;
}

export interface AdoptedInstance {
  readonly instance: PerformerInstance;
  /** With the values of `lostEnv`, read from the instance: it can be deployed again. */
  readonly spec: PerformerSpec;
}

export interface PerformerRuntime {
  /**
   * Starts an instance and resolves when it runs (not when it serves; that is asked by gRPC).
   * @throws PonosError PERFORMER_UNAVAILABLE when it cannot be started, DOCKER_UNAVAILABLE without
   *   an engine (KUBERNETES_UNAVAILABLE, KUBERNETES_REFUSED), IMAGE_MISSING without an image, CONFIG_INVALID for a spec
   *   of another runtime, ABORTED
   */
  deploy(spec: PerformerSpec, signal: AbortSignal, onProgress?: ProgressListener): Promise<PerformerInstance>;
  /**
   * Takes over an earlier instance if it is this executor's, still runs, and was made of this very spec (image as
   * it was asked for, command, variables, limits). Otherwise removes what is left of it, if it is this executor's,
   * and resolves with undefined.
   * @throws PonosError DOCKER_UNAVAILABLE, KUBERNETES_UNAVAILABLE, KUBERNETES_REFUSED, ABORTED
   */
  adopt(
    earlier: EarlierInstance,
    spec: PerformerSpec,
    signal: AbortSignal,
  ): Promise<AdoptedInstance | undefined>;
  /**
   * Removes everything of this executor that was neither deployed nor adopted here: what a run that was killed has
   * left behind. Called once, after adoption.
   * @throws PonosError DOCKER_UNAVAILABLE, KUBERNETES_UNAVAILABLE, KUBERNETES_REFUSED
   */
  removeOrphans(): Promise<void>;
  /** Stops every instance that still runs, at once, and leaves nothing behind where that is possible. */
  close(): Promise<void>;
}
