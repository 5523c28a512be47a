/** What is known about a performer now, as it is shown to whoever manages the node. */
import type { Address } from '../base/brands.js';
import type { PerformerContainer, PerformerImage } from './runtime.js';

/**
 * `InService`: it gets the tasks. `OutOfService`: it should, and cannot now: it is restarted, waits for its engine, or
 * was given up. `Staged`: it is being deployed, to get them. `Draining`: it gets no more, and finishes those it has.
 */
export type PerformerStatus = 'InService' | 'OutOfService' | 'Staged' | 'Draining';

export interface PerformerState {
  readonly avs: Address;
  /** Of the last instance; of the deployment, as long as there was none. */
  readonly id: string;
  /** Of the last deployment; empty before the first one has begun. */
  readonly deploymentId: string;
  readonly status: PerformerStatus;
  /** As it was asked for; undefined for a process. */
  readonly image: PerformerImage | undefined;
  readonly command: readonly string[];
  /** Undefined for a process, and without an instance. */
  readonly container: PerformerContainer | undefined;
  readonly endpoint: string | undefined;
  /** Whether it runs, as far as its engine has said. */
  readonly isResourceHealthy: boolean;
  /** What it has answered to the last check. */
  readonly isApplicationHealthy: boolean;
  /** Of the last check. Milliseconds since the epoch. */
  readonly checkedAtMs: number | undefined;
  /** Of the last check that it passed. */
  readonly healthyAtMs: number | undefined;
  /** Why it is not in service. */
  readonly reason: string | undefined;
}
