/** What happens to performers, told outward while it happens. Nothing here is a secret: values of variables are hidden. */
import { randomBytes } from 'node:crypto';
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { secretHider } from './hide-secrets.js';
import type {
  LossCause,
  PerformerExit,
  PerformerImage,
  PerformerInstance,
  PerformerSpec,
} from './runtime.js';

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

type EventBody =
  | { readonly type: 'asked' }
  /** It cannot be started for now, and is tried again. */
  | { readonly type: 'waiting'; readonly reason: string }
  /** An instance runs; whether it serves is not known. */
  | { readonly type: 'started'; readonly instance: Pick<PerformerInstance, 'id' | 'endpoint' | 'container'> }
  /** It serves, and gets the tasks from now on. */
  | { readonly type: 'promoted' }
  | { readonly type: 'checked'; readonly isHealthy: boolean }
  | ({ readonly type: 'ended'; readonly outcome: DeploymentEnd } & Omit<PerformerExit, 'cause'>);

/** In this order: asked, waiting*, started, promoted, checked*, ended; the end may come after any of them. */
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
  /** Another start is tried: of a new deployment, unless one still waits to be started. */
  begin(): void;
  started(instance: PerformerInstance): void;
  promoted(): void;
  checked(isHealthy: boolean): void;
  /** The start failed or the instance is lost. A deployment that its engine never took waits for the engine. */
  lost(reason: string, cause: LossCause): void;
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
    begin() {
      if (current !== undefined) return;
      const { avs, image, command } = spec;
      current = { id: randomBytes(8).toString('hex'), avs, image, command: command.map(hide) };
      tell({ type: 'asked' });
    },
    started(running) {
      instance = running;
      const { id, endpoint, container } = running;
      tell({ type: 'started', instance: { id, endpoint, container } });
    },
    promoted: () => tell({ type: 'promoted' }),
    checked: (isHealthy) => tell({ type: 'checked', isHealthy }),
    lost(reason, cause) {
      if (cause === 'engine' && instance === undefined) tell({ type: 'waiting', reason: hide(reason) });
      else end('failed', reason);
    },
    removed: (reason) => end('removed', reason),
  };
}
