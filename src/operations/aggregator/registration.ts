/** `ponos aggregator register-avs|deregister-avs`: which AVSs a running aggregator serves. */

import { createClient } from 'nice-grpc';
import { parseAddress } from '../../base/brands.js';
import { AggregatorManagementServiceDefinition as Management } from '../../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import { flagValue } from '../flag-value.js';
import type { NodeFlags } from '../management/node-access.js';
import { askNode } from '../management/node-command.js';
import type { Terminal } from '../terminal.js';

export interface RegisterAvsFlags extends NodeFlags {
  readonly avs: string;
  readonly chain: readonly number[];
  readonly json?: boolean;
}

export interface DeregisterAvsFlags extends NodeFlags {
  readonly avs: string;
  readonly json?: boolean;
}

/** The node reads the AVS on L1 before it answers. */
const REGISTER_MS = 120_000;

/** @throws PonosError USAGE, and as the node answers */
export async function registerAvs(flags: RegisterAvsFlags, terminal: Terminal): Promise<void> {
  const { chain } = flags;
  const avs = flagValue('<avs>', flags.avs, parseAddress);
  const request = { avsAddress: avs, chainIds: [...chain], auth: undefined };
  const command = { role: 'aggregator', flags, terminal, timeoutMs: REGISTER_MS } as const;
  const response = await askNode(command, {
    service: Management,
    method: Management.methods.registerAvs,
    request,
    send: (channel) => createClient(Management, channel).registerAvs,
  });
  const text = `${avs} is registered on ${chain.join(', ')}; that holds over the configuration, also after a restart`;
  terminal.print(flags.json ? JSON.stringify(response) : text);
}

/** @throws PonosError USAGE, and as the node answers */
export async function deregisterAvs(flags: DeregisterAvsFlags, terminal: Terminal): Promise<void> {
  const avs = flagValue('<avs>', flags.avs, parseAddress);
  const request = { avsAddress: avs, auth: undefined };
  const command = { role: 'aggregator', flags, terminal, timeoutMs: REGISTER_MS } as const;
  const response = await askNode(command, {
    service: Management,
    method: Management.methods.deRegisterAvs,
    request,
    send: (channel) => createClient(Management, channel).deRegisterAvs,
  });
  const text = `${avs} is deregistered: its tasks that were taken are finished, no more are taken`;
  terminal.print(flags.json ? JSON.stringify(response) : text);
}
