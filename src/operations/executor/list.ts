/** `ponos executor list`: the performers of a running executor. */

import { createClient } from 'nice-grpc';
import { printable } from '../../base/printable.js';
import {
  ExecutorManagementServiceDefinition as Management,
  type Performer,
} from '../../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { avsFlag } from '../flag-value.js';
import type { NodeFlags } from '../management/node-access.js';
import { askNode, QUICK_MS } from '../management/node-command.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { artifactText } from './artifact-text.js';

export interface ListPerformersFlags extends NodeFlags {
  readonly avs?: string;
  readonly json?: boolean;
}

/** @throws PonosError USAGE, and as the node answers */
export async function listPerformers(flags: ListPerformersFlags, terminal: Terminal): Promise<void> {
  const request = { avsAddress: avsFlag(flags.avs), auth: undefined };
  const command = { role: 'executor', flags, terminal, timeoutMs: QUICK_MS } as const;
  const { performers } = await askNode(command, {
    service: Management,
    method: Management.methods.listPerformers,
    request,
    send: (channel) => createClient(Management, channel).listPerformers,
  });
  if (flags.json) return terminal.print(JSON.stringify(performers));
  terminal.print(performers.length === 0 ? 'no performers' : tableOf(performers));
}

function tableOf(performers: readonly Performer[]): string {
  const heading = ['avs', 'performer', 'status', 'image', 'runs', 'healthy', 'checked'];
  const yes = (value: boolean) => (value ? 'yes' : 'no');
  const rows = performers.map((performer) => [
    performer.avsAddress,
    performer.performerId,
    performer.status,
    artifactText(performer),
    yes(performer.resourceHealthy),
    yes(performer.applicationHealthy),
    performer.lastHealthCheck === '' ? '-' : performer.lastHealthCheck,
  ]);
  const reasons = performers
    .filter(({ reason }) => reason !== '')
    .map(({ performerId, reason }) => printable(`${performerId}: ${reason}`));
  const table = renderTable([heading, ...rows.map((row) => row.map(printable))]);
  return reasons.length === 0 ? table : [table, '', ...reasons].join('\n');
}
