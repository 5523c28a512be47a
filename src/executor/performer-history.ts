/** What is kept of a deployment after each of its events. Pure. */
import type { PerformerEvent } from '../performer/performer-events.js';
import type {
  DeploymentRecord,
  DeploymentState,
  PerformerRecord,
} from '../store/executor-performer-records.js';

/** Every check is the same write again; that all is well is noted this often, that it changes at once. */
const NOTE_HEALTH_MS = 60_000;

/** A deployment that was just asked for. */
export function beginDeployment({ deployment, atMs }: PerformerEvent, number: number): DeploymentState {
  const { image, ...rest } = deployment;
  return {
    deployment: { ...rest, ...(image && { image }), number, askedAtMs: atMs, outcome: 'deploying' },
    performer: undefined,
  };
}

/** @returns the state itself when nothing is to be noted */
export function advanceDeployment(state: DeploymentState, event: PerformerEvent): DeploymentState {
  const { deployment, performer } = state;
  const { atMs } = event;
  switch (event.type) {
    case 'asked':
      return state;
    case 'waiting':
      if (deployment.reason === event.reason) return state;
      return {
        deployment: { ...deployment, reason: event.reason },
        performer: performer && { ...performer, isHealthy: false },
      };
    case 'started': {
      const { reason: _waitedFor, ...started } = deployment;
      return {
        deployment: { ...started, performerId: event.instance.id },
        performer: stagedPerformer(deployment, event.instance, atMs),
      };
    }
    case 'promoted':
      return {
        deployment: { ...deployment, outcome: 'in-service', servingFromMs: atMs },
        performer: performer && { ...performer, status: 'InService', isHealthy: true, checkedAtMs: atMs },
      };
    case 'adopted': {
      const { reason: _outOfSight, ...adopted } = deployment;
      const from = deployment.servingFromMs ?? atMs;
      return {
        deployment: {
          ...adopted,
          performerId: event.instance.id,
          outcome: 'in-service',
          servingFromMs: from,
          adoptedAtMs: atMs,
        },
        performer: {
          ...stagedPerformer(deployment, event.instance, performer?.startedAtMs ?? from),
          status: 'InService',
          isHealthy: true,
          checkedAtMs: atMs,
        },
      };
    }
    case 'draining':
      return { deployment, performer: performer && { ...performer, status: 'Draining' } };
    case 'checked':
      if (performer === undefined || !isNews(performer, event.isHealthy, atMs)) return state;
      return { deployment, performer: { ...performer, isHealthy: event.isHealthy, checkedAtMs: atMs } };
    case 'ended': {
      const { outcome, reason, lastLines } = event;
      return {
        deployment: { ...deployment, outcome, reason, lastLines, endedAtMs: atMs },
        performer: undefined,
      };
    }
  }
}

function stagedPerformer(
  { id: deploymentId, avs, image }: DeploymentRecord,
  { id, endpoint, container }: Extract<PerformerEvent, { type: 'started' }>['instance'],
  startedAtMs: number,
): PerformerRecord {
  return {
    id,
    avs,
    deploymentId,
    status: 'Staged',
    ...(image && { image }),
    ...(container && { containerId: container.id, imageId: container.imageId }),
    endpoint,
    isHealthy: false,
    startedAtMs,
  };
}

function isNews({ isHealthy, checkedAtMs }: PerformerRecord, isHealthyNow: boolean, atMs: number): boolean {
  return isHealthy !== isHealthyNow || atMs - (checkedAtMs ?? 0) >= NOTE_HEALTH_MS;
}
