/** What happens to performers, told outward while it happens. Nothing here is a secret: values of variables are hidden. */
import { randomBytes } from 'node:crypto';
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { secretHider } from './hide-secrets.js';
import type { PerformerImage, PerformerInstance, PerformerSpec } from './runtime.js';

/** One start of an AVS's program: from the moment it was asked for to the end of the instance. */
export interface Deployment {
  /** Unique among all deployments. */
  readonly id: string;
  readonly avs: Address;
  /** Undefined for a process. */
  readonly image: PerformerImage | undefined;
  readonly command: readonly string[];
}

/** Why a deployment is over: it failed by itself, or it was stopped by us. */
export type DeploymentEnd = 'failed' | 'removed';

type InstanceFacts = Pick<PerformerInstance, 'id' | 'endpoint' | 'container'>;

type EventBody =
  | { readonly type: 'asked' }
  /** It cannot be started, or seen, for now; that is tried again. */
  | { readonly type: 'waiting'; readonly reason: string }
  /** An instance runs; whether it serves is not known. */
  | { readonly type: 'started'; readonly instance: InstanceFacts }
  /** It serves, and gets the tasks from now on. */
  | { readonly type: 'promoted' }
  /** An instance that was started before was found in good health, and gets the tasks from now on. */
  | { readonly type: 'adopted'; readonly instance: InstanceFacts }
  | { readonly type: 'checked'; readonly isHealthy: boolean }
  /** It gets no more tasks, and finishes those it has. */
  | { readonly type: 'draining' }
  | {
      readonly type: 'ended';
      readonly outcome: DeploymentEnd;
      readonly reason: string;
      readonly lastLines: readonly string[];
    };

/** In this order: asked, waiting*, started, promoted, (checked | waiting, adopted)*, draining, ended; the end may come after any. */
export type PerformerEvent = EventBody & {
  readonly deployment: Deployment;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
};

/** Called in the order of what happens. It returns at once and throws nothing. */
export type PerformerListener = (event: PerformerEvent) => void;

export interface ReportOptions {
  readonly spec: PerformerSpec;
  readonly clock: Clock;
  readonly listener: PerformerListener;
}

/** The events of one performer's deployments, which come one after the other. */
export interface DeploymentReports {
  /** Whether the deployment that is not over has had an instance. */
  readonly hasStarted: boolean;
  /** Another start is tried: of a new deployment, unless one still waits to be started. @returns its id */
  begin(): string;
  waiting(reason: string): void;
  started(instance: PerformerInstance): void;
  promoted(): void;
  /** @param earlier the deployment it was started by, when that was in another run of the node */
  adopted(instance: PerformerInstance, earlier: Deployment | undefined): void;
  checked(isHealthy: boolean): void;
  draining(): void;
  /** The start failed or the instance is lost. */
  failed(reason: string): void;
  /** Whatever there is was stopped by us. */
  removed(reason: string): void;
}

export function reportDeployments({ spec, clock, listener }: ReportOptions): DeploymentReports {
  const hide = secretHider(spec.env.values());
  let current: Deployment | undefined;
  let instance: PerformerInstance | undefined;

  function tell(event: EventBody): void {
    if (current !== undefined) listener({ ...event, deployment: current, atMs: clock.nowMs() });
  }

  function end(outcome: DeploymentEnd, reason: string): void {
    tell({ type: 'ended', outcome, reason: hide(reason), lastLines: instance?.lastLines() ?? [] });
    current = undefined;
    instance = undefined;
  }

  return {
    get hasStarted() {
      return instance !== undefined;
    },
    begin() {
      if (current !== undefined) return current.id;
      const { avs, image, command } = spec;
      current = { id: randomBytes(8).toString('hex'), avs, image, command: command.map(hide) };
      tell({ type: 'asked' });
      return current.id;
    },
    waiting: (reason) => tell({ type: 'waiting', reason: hide(reason) }),
    started(running) {
      instance = running;
      tell({ type: 'started', instance: factsOf(running) });
    },
    promoted: () => tell({ type: 'promoted' }),
    adopted(running, earlier) {
      current ??= earlier;
      instance = running;
      tell({ type: 'adopted', instance: factsOf(running) });
    },
    checked: (isHealthy) => tell({ type: 'checked', isHealthy }),
    draining: () => tell({ type: 'draining' }),
    failed: (reason) => end('failed', reason),
    removed: (reason) => end('removed', reason),
  };
}

function factsOf({ id, endpoint, container }: PerformerInstance): InstanceFacts {
  return { id, endpoint, container };
}
