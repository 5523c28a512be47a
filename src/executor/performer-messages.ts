/** Performers and their deployments, as they are told to callers. Pure. */

import type { OutputLine } from '../performer/output-log.js';
import type { PerformerState } from '../performer/performer-state.js';
import type { DeployProgress, PerformerImage } from '../performer/runtime.js';
import type { Performer } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { DeployEvent, Deployment, LogLine } from '../rpc/generated/ponos/v1/performers.js';
import type { DeploymentRecord, PerformerRecord } from '../store/executor-performer-records.js';

/** The status of a performer that is only in the store: it ran when that was written. */
const STORED_STATUS = 'running';

export function performerMessage(state: PerformerState): Performer {
  return {
    performerId: state.id,
    avsAddress: state.avs,
    status: state.status,
    ...artifactOf(state.image),
    resourceHealthy: state.isResourceHealthy,
    applicationHealthy: state.isApplicationHealthy,
    lastHealthCheck: timeText(state.checkedAtMs),
    containerId: state.container?.id ?? '',
    reason: state.reason ?? '',
  };
}

export function storedPerformerMessage(record: PerformerRecord): Performer {
  return {
    performerId: record.id,
    avsAddress: record.avs,
    status: STORED_STATUS,
    ...artifactOf(record.image),
    // Nobody watches it.
    resourceHealthy: false,
    applicationHealthy: false,
    lastHealthCheck: timeText(record.checkedAtMs),
    containerId: record.containerId ?? '',
    reason: '',
  };
}

export function deploymentMessage(record: DeploymentRecord): Deployment {
  return {
    deploymentId: record.id,
    avsAddress: record.avs,
    number: BigInt(record.number),
    ...artifactOf(record.image),
    command: [...record.command],
    outcome: record.outcome,
    reason: record.reason ?? '',
    lastLines: [...(record.lastLines ?? [])],
    performerId: record.performerId ?? '',
    askedAtMs: BigInt(record.askedAtMs),
    servingFromMs: optionalTime(record.servingFromMs),
    adoptedAtMs: optionalTime(record.adoptedAtMs),
    endedAtMs: optionalTime(record.endedAtMs),
    lastHealthyMs: optionalTime(record.lastHealthyMs),
  };
}

export function progressMessage({ step, detail, layer }: DeployProgress): DeployEvent {
  return {
    step,
    detail: detail ?? '',
    layer: layer && {
      id: layer.id,
      currentBytes: BigInt(layer.currentBytes ?? 0),
      totalBytes: BigInt(layer.totalBytes ?? 0),
    },
    response: undefined,
  };
}

export function logLineMessage({ avs, performer, atMs, line }: OutputLine): LogLine {
  return { atMs: BigInt(atMs), avsAddress: avs, performerId: performer, line };
}

function artifactOf(image: PerformerImage | undefined) {
  return {
    artifactRegistry: image?.repository ?? '',
    artifactTag: image?.tag ?? '',
    artifactDigest: image?.digest ?? '',
  };
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : new Date(ms).toISOString();
}

function optionalTime(ms: number | undefined): bigint | undefined {
  return ms === undefined ? undefined : BigInt(ms);
}
