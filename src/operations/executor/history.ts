/** `ponos executor history`: what became of each deployment of a running executor. */

import { createClient } from 'nice-grpc';
import { printable } from '../../base/printable.js';
import {
  type Deployment,
  PerformerServiceDefinition as Performers,
} from '../../rpc/generated/ponos/v1/performers.js';
import { avsFlag } from '../flag-value.js';
import { formatTime, withoutBigints } from '../format.js';
import type { NodeFlags } from '../management/node-access.js';
import { askNode, QUICK_MS } from '../management/node-command.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { artifactText } from './artifact-text.js';

export interface HistoryFlags extends NodeFlags {
  readonly avs?: string;
  readonly json?: boolean;
}

/** The newest first. @throws PonosError USAGE, and as the node answers */
export async function showHistory(flags: HistoryFlags, terminal: Terminal): Promise<void> {
  const request = { avsAddress: avsFlag(flags.avs), auth: undefined };
  const command = { role: 'executor', flags, terminal, timeoutMs: QUICK_MS } as const;
  const { deployments } = await askNode(command, {
    service: Performers,
    method: Performers.methods.history,
    request,
    send: (channel) => createClient(Performers, channel).history,
  });
  if (flags.json) return terminal.print(JSON.stringify(deployments.map(withoutBigints)));
  terminal.print(deployments.length === 0 ? 'no deployments' : tableOf(deployments));
}

function tableOf(deployments: readonly Deployment[]): string {
  const heading = ['avs', 'no', 'program', 'asked', 'in service', 'ended', 'outcome', 'reason'];
  const rows = deployments.map((deployment) => [
    deployment.avsAddress,
    String(deployment.number),
    programOf(deployment),
    timeText(deployment.askedAtMs),
    timeText(deployment.servingFromMs),
    timeText(deployment.endedAtMs),
    deployment.outcome,
    reasonOf(deployment),
  ]);
  return renderTable([heading, ...rows.map((row) => row.map(printable))]);
}

function programOf(deployment: Deployment): string {
  const image = deployment.artifactRegistry === '' ? [] : [artifactText(deployment)];
  return [...image, ...deployment.command].join(' ');
}

function reasonOf({ outcome, reason, lastLines }: Deployment): string {
  const lastLine = lastLines.at(-1);
  return outcome !== 'failed' || lastLine === undefined ? reason : `${reason}; it said last: ${lastLine}`;
}

function timeText(ms: bigint | undefined): string {
  return formatTime(ms === undefined ? undefined : Number(ms));
}
