/** `ponos executor logs`: what the performers of a running executor print. */

import { createClient } from 'nice-grpc';
import { isPonosError } from '../../base/error.js';
import { printable } from '../../base/printable.js';
import {
  type LogLine,
  PerformerServiceDefinition as Performers,
} from '../../rpc/generated/ponos/v1/performers.js';
import { avsFlag } from '../flag-value.js';
import { formatTime } from '../format.js';
import type { NodeFlags } from '../management/node-access.js';
import { onNode, QUICK_MS } from '../management/node-command.js';
import type { Terminal } from '../terminal.js';

export interface LogsFlags extends NodeFlags {
  readonly performerId?: string;
  readonly avs?: string;
  readonly tail: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** With --follow it ends at Ctrl-C, which is no failure. @throws PonosError USAGE, and as the node answers */
export async function showLogs(flags: LogsFlags, terminal: Terminal): Promise<void> {
  const { tail, follow = false } = flags;
  const request = {
    avsAddress: avsFlag(flags.avs),
    performerId: flags.performerId ?? '',
    tail,
    follow,
    auth: undefined,
  };
  const method = Performers.methods.logs;
  const command = { role: 'executor', flags, terminal, timeoutMs: QUICK_MS } as const;
  try {
    await onNode(command, async (node, timeoutMs) => {
      const call = { service: Performers, method, request, timeoutMs, isFollowed: follow };
      for await (const line of node.stream(call, createClient(Performers, node.channel).logs)) {
        // A line without text says that the node has begun to tell.
        if (line.line !== '') terminal.print(flags.json ? jsonOf(line) : textOf(line));
      }
    });
  } catch (error) {
    if (!follow || !isPonosError(error, 'ABORTED')) throw error;
  }
}

function textOf({ atMs, performerId, line }: LogLine): string {
  return performerId === ''
    ? printable(line)
    : `${formatTime(Number(atMs))} ${printable(performerId)} ${printable(line)}`;
}

function jsonOf({ atMs, avsAddress, performerId, line }: LogLine): string {
  return JSON.stringify({ atMs: Number(atMs), avsAddress, performerId, line });
}
