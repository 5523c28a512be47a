/** Asking a node's standard health service whether it serves. */
import { ClientError, createClient, Status } from 'nice-grpc';
import { PonosError } from '../base/error.js';
import { printable } from '../base/printable.js';
import type { Role } from '../config/role.js';
import type { AccessConfig } from '../config/types.js';
import { callDetails } from '../rpc/call-details.js';
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../rpc/generated/grpc/health/v1/health.js';
import { accessOf } from './config/access-of.js';
import { dialNode, managementAddress, type NodeTarget, parseNodeAddress } from './management/dial-node.js';
import { openTls, type TlsFlags } from './management/node-tls.js';

export interface HealthFlags extends TlsFlags {
  /** `host:port` of any of its ports. */
  readonly address?: string;
  readonly config?: string;
  readonly role?: Role;
  /** Full name of a service; absent: the node as a whole. */
  readonly service?: string;
  /** Seconds. */
  readonly timeout: number;
}

export interface HealthQuestion extends NodeTarget {
  readonly service?: string;
  /** For dialling and answer together. */
  readonly timeoutMs: number;
}

const MAX_MESSAGE_BYTES = 64 * 1024;

/** @throws PonosError USAGE, FILE_UNREADABLE, CONFIG_INVALID, and as `checkHealth` */
export async function askHealth(
  flags: HealthFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const configured =
    flags.config === undefined ? undefined : (await accessOf(flags.config, flags.role, env)).config;
  const address = addressOf(flags.address, configured, env.PONOS_HEALTH_ADDRESS);
  const tls = await openTls(flags, configured?.grpc);
  await checkHealth({ address, tls, service: flags.service, timeoutMs: flags.timeout * 1_000 });
}

function addressOf(
  flag: string | undefined,
  configured: AccessConfig | undefined,
  fromEnvironment: string | undefined,
): string {
  if (flag !== undefined) return parseNodeAddress('--address', flag);
  if (configured !== undefined) return managementAddress(configured);
  if (fromEnvironment !== undefined) return parseNodeAddress('PONOS_HEALTH_ADDRESS', fromEnvironment);
  throw new PonosError('USAGE', {
    message: 'no node is named',
    advice: 'Give one of its ports with --address HOST:PORT, or its configuration with --config FILE.',
  });
}

/** Resolves if the node says SERVING. @throws PonosError PEER_UNREACHABLE when it says anything else, or nothing in time */
export async function checkHealth({ service = '', timeoutMs, ...target }: HealthQuestion): Promise<void> {
  const node = dialNode(target, MAX_MESSAGE_BYTES);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const facts = { node: target.address, service: service === '' ? undefined : service };
  try {
    const { status } = await createClient(HealthDefinition, node.channel).check(
      { service },
      { signal: deadline.signal },
    );
    if (status === ServingStatus.SERVING) return;
    throw new PonosError('PEER_UNREACHABLE', {
      message: `the node says ${ServingStatus[status] ?? status}`,
      facts,
      advice: 'Its log has the reason: it starts, stops, or cannot do its work now.',
    });
  } catch (error) {
    if (deadline.signal.aborted) {
      throw new PonosError('PEER_UNREACHABLE', {
        message: `the node has not answered within ${timeoutMs / 1_000} seconds`,
        facts,
        cause: error,
      });
    }
    if (!(error instanceof ClientError)) throw error;
    const problem = await node.explain(error);
    throw problem ?? new PonosError('PEER_UNREACHABLE', { message: sentenceOf(error), facts });
  } finally {
    clearTimeout(timer);
    node.close();
  }
}

function sentenceOf({ code, details }: ClientError): string {
  if (code === Status.NOT_FOUND) return 'the node has no service of this name';
  return `the node does not answer: ${printable(callDetails(details))}`;
}
