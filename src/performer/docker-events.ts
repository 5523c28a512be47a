/** What the engine tells of a container while it runs. Pure. */
import type Docker from 'dockerode';
import { exitReason } from './docker-container.js';

/** The events that are asked for; `health_status` stands for all of its kind. */
export const WATCHED_EVENTS = ['die', 'destroy', 'health_status', 'kill', 'oom', 'pause', 'unpause'] as const;

export interface ContainerEvent {
  readonly containerId: string;
  /** As the engine writes it: `die`, `health_status: unhealthy`, … */
  readonly action: string;
  /** Of a `kill`. */
  readonly signal?: string;
}

/** @returns undefined for what is no event of a container */
export function parseEvent(line: unknown): ContainerEvent | undefined {
  const { Type, Action, Actor } = (line ?? {}) as {
    Type?: unknown;
    Action?: unknown;
    Actor?: { ID?: unknown; Attributes?: Record<string, unknown> };
  };
  if (Type !== 'container' || typeof Action !== 'string' || typeof Actor?.ID !== 'string') return undefined;
  const signal = Actor.Attributes?.signal;
  return { containerId: Actor.ID, action: Action, signal: typeof signal === 'string' ? signal : undefined };
}

/** What is known of a container that runs. */
export interface ContainerCondition {
  readonly isPaused: boolean;
  /** By the health check of its image; true for an image without one. */
  readonly isHealthy: boolean;
  /** The last signal that was sent to it through the engine, by whomever. */
  readonly signal: string | undefined;
}

export const FRESH: ContainerCondition = { isPaused: false, isHealthy: true, signal: undefined };

export function afterEvent(
  before: ContainerCondition,
  { action, signal }: ContainerEvent,
): ContainerCondition {
  switch (action) {
    case 'pause':
      return { ...before, isPaused: true };
    case 'unpause':
      return { ...before, isPaused: false };
    case 'kill':
      return { ...before, signal };
    case 'health_status: unhealthy':
      return { ...before, isHealthy: false };
    case 'health_status: healthy':
      return { ...before, isHealthy: true };
    default:
      return before;
  }
}

/** The same from a look at the container, when events may have been missed. */
export function afterLook(
  before: ContainerCondition,
  { State }: Docker.ContainerInspectInfo,
): ContainerCondition {
  return { ...before, isPaused: State.Paused, isHealthy: State.Health?.Status !== 'unhealthy' };
}

/**
 * Why a container has ended.
 * @param info undefined when it is no longer there
 * @param isOurDoing whether we have asked it to end
 */
export function endReason(
  info: Docker.ContainerInspectInfo | undefined,
  { signal }: ContainerCondition,
  isOurDoing: boolean,
): string {
  if (info === undefined) return isOurDoing ? 'was stopped and removed' : 'was removed by somebody else';
  if (info.State.Running) return 'was restarted by somebody else';
  const reason = exitReason(info);
  if (isOurDoing || signal === undefined || info.State.OOMKilled) return reason;
  return `was stopped by somebody else (signal ${signal}) and ${reason}`;
}
