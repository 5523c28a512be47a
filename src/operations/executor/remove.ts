/** `ponos executor remove`: a performer of a running executor is let go. */
import { createClient } from 'nice-grpc';
import { printable } from '../../base/printable.js';
import { ExecutorManagementServiceDefinition as Management } from '../../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { NodeFlags } from '../management/node-access.js';
import { askNode } from '../management/node-command.js';
import type { Terminal } from '../terminal.js';

export interface RemovePerformerFlags extends NodeFlags {
  readonly performerId: string;
  readonly json?: boolean;
}

/** It finishes its tasks first: for `limits.drainSeconds` of the node, an hour at most. */
const REMOVE_MS = 65 * 60_000;

/** Resolves when it is gone. @throws PonosError as the node answers */
export async function removePerformer(flags: RemovePerformerFlags, terminal: Terminal): Promise<void> {
  const request = { performerId: flags.performerId, auth: undefined };
  const command = { role: 'executor', flags, terminal, timeoutMs: REMOVE_MS } as const;
  const response = await askNode(command, {
    service: Management,
    method: Management.methods.removePerformer,
    request,
    send: (channel) => createClient(Management, channel).removePerformer,
  });
  terminal.print(flags.json ? JSON.stringify(response) : printable(response.message));
}
