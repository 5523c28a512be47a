/** `ponos executor deploy`: another version of an AVS's performer, on a running executor. */

import { createClient } from 'nice-grpc';
import { parseAddress } from '../../base/brands.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { printable } from '../../base/printable.js';
import {
  type DeployArtifactRequest,
  type DeployArtifactResponse,
  ExecutorManagementServiceDefinition as Management,
} from '../../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  type DeployEvent,
  PerformerServiceDefinition as Performers,
} from '../../rpc/generated/ponos/v1/performers.js';
import { flagValue } from '../flag-value.js';
import type { NodeFlags } from '../management/node-access.js';
import type { NodeClient } from '../management/node-client.js';
import { onNode } from '../management/node-command.js';
import { isUnimplemented } from '../management/node-error.js';
import type { Terminal } from '../terminal.js';
import { createDeployProgress } from './deploy-progress.js';
import { type EnvFlags, performerEnvOf } from './env-flags.js';

export interface DeployFlags extends NodeFlags, EnvFlags {
  readonly avs: string;
  /** `repository` or `repository:tag`. */
  readonly image?: string;
  readonly digest?: string;
  readonly serviceAccount?: string;
  readonly progress?: boolean;
  readonly json?: boolean;
}

/** Images can be large, and registries slow. */
const DEPLOY_MS = 30 * 60_000;

/** @throws PonosError USAGE, and what the node answers */
export async function deployPerformer(flags: DeployFlags, terminal: Terminal): Promise<void> {
  const request: DeployArtifactRequest = {
    avsAddress: flagValue('<avs>', flags.avs, parseAddress),
    registryUrl: flags.image ?? '',
    digest: flags.digest ?? '',
    env: performerEnvOf(flags, terminal.env),
    kubernetes: flags.serviceAccount === undefined ? undefined : { serviceAccountName: flags.serviceAccount },
    auth: undefined,
  };
  const { stderr } = terminal;
  const progress = createDeployProgress((flags.progress ?? stderr.isTerminal) ? stderr : undefined);
  const command = { role: 'executor', flags, terminal, timeoutMs: DEPLOY_MS } as const;
  try {
    const response = await onNode(command, (node, timeoutMs) =>
      deploy(node, request, timeoutMs, progress.show),
    );
    progress.end();
    terminal.print(flags.json ? JSON.stringify(response) : textOf(response));
  } catch (error) {
    throw isPonosError(error, 'ABORTED') ? stoppedWaiting() : error;
  } finally {
    progress.end();
  }
}

async function deploy(
  node: NodeClient,
  request: DeployArtifactRequest,
  timeoutMs: number,
  onEvent: (event: DeployEvent) => void,
): Promise<DeployArtifactResponse> {
  try {
    return await watchDeploy(node, request, timeoutMs, onEvent);
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
    // A node that is not ours deploys without telling how it goes.
    const management = createClient(Management, node.channel);
    const call = { service: Management, method: Management.methods.deployArtifact, request, timeoutMs };
    return node.unary(call, management.deployArtifact);
  }
}

async function watchDeploy(
  node: NodeClient,
  request: DeployArtifactRequest,
  timeoutMs: number,
  onEvent: (event: DeployEvent) => void,
): Promise<DeployArtifactResponse> {
  const performers = createClient(Performers, node.channel);
  const call = { service: Performers, method: Performers.methods.watchDeploy, request, timeoutMs };
  let response: DeployArtifactResponse | undefined;
  for await (const event of node.stream(call, performers.watchDeploy)) {
    response = event.response;
    if (response === undefined) onEvent(event);
  }
  if (response !== undefined) return response;
  throw new PonosError('NODE_REFUSED', {
    message: 'the node has ended the call without saying what became of the deployment',
    advice: 'Look with `ponos executor history`.',
  });
}

/** The node does not give up what nobody waits for. */
function stoppedWaiting(): PonosError {
  return new PonosError('ABORTED', {
    message: 'stopped waiting on request; the deployment goes on if it has begun',
    advice: 'Look with `ponos executor list`; `ponos executor remove` gives up one that is Staged.',
  });
}

function textOf({ message, deploymentId }: DeployArtifactResponse): string {
  return `${printable(message)} (deployment ${printable(deploymentId)})`;
}
