/** What an executor keeps of its performers: those that run, and every deployment there was. Values of variables are none of it. */
import type { Address } from '../base/brands.js';

/** What was asked for. */
export interface PerformerImageRecord {
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

/** `Staged`: it runs and gets no tasks yet. `InService`: it gets the tasks. `Draining`: it finishes those it has. */
export type PerformerStatus = 'Staged' | 'InService' | 'Draining';

/** A performer that runs, or ran when the node was killed. */
export interface PerformerRecord {
  /** The container's name, or `process-<pid>`. */
  readonly id: string;
  readonly avs: Address;
  readonly deploymentId: string;
  readonly status: PerformerStatus;
  /** Absent for a process. */
  readonly image?: PerformerImageRecord;
  readonly containerId?: string;
  /** `sha256:…` of the image that the container was made of. */
  readonly imageId?: string;
  /** `host:port` */
  readonly endpoint: string;
  readonly isHealthy: boolean;
  readonly startedAtMs: number;
  /** Of the last check that was noted; some are not. */
  readonly checkedAtMs?: number;
}

/**
 * `deploying`: not over, and not in service yet. `in-service`: not over. `failed`: it never came into service, or was
 * lost. `removed`: the node stopped it. `interrupted`: the node was killed before it saw the end.
 */
export type DeploymentOutcome = 'deploying' | 'in-service' | 'failed' | 'removed' | 'interrupted';

/** One start of an AVS's program. */
export interface DeploymentRecord {
  readonly id: string;
  readonly avs: Address;
  /** Counts the deployments of this AVS, from 1. */
  readonly number: number;
  /** Absent for a process. */
  readonly image?: PerformerImageRecord;
  /** Program and arguments; empty: as the image has them. */
  readonly command: readonly string[];
  readonly askedAtMs: number;
  readonly outcome: DeploymentOutcome;
  /** Why it is not, or no longer, in service. */
  readonly reason?: string;
  /** What the performer printed last. */
  readonly lastLines?: readonly string[];
  /** Of the instance; absent when none was started. */
  readonly performerId?: string;
  /** When it came into service. */
  readonly servingFromMs?: number;
  /** When its instance was taken over by this run of the node, or seen again after its engine was gone. */
  readonly adoptedAtMs?: number;
  /** When it was over; absent while it is not, and when nobody saw it. */
  readonly endedAtMs?: number;
  /** Of an interrupted one: when it was last known to be healthy. */
  readonly lastHealthyMs?: number;
}

/** A deployment, and the performer that runs by it, if any. They are written together. */
export interface DeploymentState {
  readonly deployment: DeploymentRecord;
  readonly performer: PerformerRecord | undefined;
}

/** What a deployment has become that was not over when the node was killed. */
export function interrupt({ deployment, performer }: DeploymentState): DeploymentRecord {
  const { isHealthy, checkedAtMs } = performer ?? {};
  return {
    ...deployment,
    outcome: 'interrupted',
    reason: 'the node was interrupted',
    ...(isHealthy && checkedAtMs !== undefined && { lastHealthyMs: checkedAtMs }),
  };
}

export function isOver({ outcome }: DeploymentRecord): boolean {
  return outcome !== 'deploying' && outcome !== 'in-service';
}
