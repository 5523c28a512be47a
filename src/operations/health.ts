/** Asking a node's standard health service whether it serves. */
import { ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { systemClock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { clientChannelOptions } from '../rpc/channel-options.js';
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../rpc/generated/grpc/health/v1/health.js';
import { formatSocketAddress, parseSocketAddress } from '../rpc/socket-address.js';
import { TlsCredentials } from '../rpc/tls-credentials.js';
import { checkTls, readTlsFiles, type TlsFiles } from '../rpc/tls-material.js';
import { printable } from './storage/format.js';

export interface HealthQuestion {
  /** `host:port` */
  readonly address: string;
  /** Full name of a service; absent: the node as a whole. */
  readonly service?: string;
  /** For dialling and answer together. */
  readonly timeoutMs: number;
  /** Of a node with TLS: any of these. */
  readonly tls?: TlsFiles & {
    /** Whom its certificate is for; absent: the host of the address. */
    readonly serverName?: string;
  };
}

const MAX_MESSAGE_BYTES = 64 * 1024;

/**
 * Resolves if the node says SERVING.
 * @throws PonosError USAGE for a malformed address, FILE_UNREADABLE and CONFIG_INVALID of certificates, PEER_UNREACHABLE when it says anything else, or nothing in time
 */
export async function checkHealth({ address, service = '', timeoutMs, tls }: HealthQuestion): Promise<void> {
  const socket = socketOf(address);
  const channel = createChannel(`dns:${socket}`, await credentialsOf(socket, tls), {
    ...clientChannelOptions(MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    'grpc.use_local_subchannel_pool': 1,
  });
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const facts = { node: socket, service: service === '' ? undefined : service };
  try {
    const { status } = await createClient(HealthDefinition, channel).check(
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
    throw new PonosError('PEER_UNREACHABLE', { message: sentenceOf(error), facts });
  } finally {
    clearTimeout(timer);
    channel.close();
  }
}

async function credentialsOf(
  socket: string,
  tls: HealthQuestion['tls'],
): Promise<TlsCredentials | undefined> {
  if (tls === undefined || Object.values(tls).every((value) => value === undefined)) return undefined;
  const material = checkTls(await readTlsFiles(tls, 'health'), 'health', systemClock.nowMs());
  return new TlsCredentials({ current: material }, tls.serverName ?? parseSocketAddress(socket).host);
}

function sentenceOf({ code, details }: ClientError): string {
  if (code === Status.NOT_FOUND) return 'the node has no service of this name';
  return `the node does not answer: ${printable(details)}`;
}

function socketOf(text: string): string {
  try {
    return formatSocketAddress(parseSocketAddress(text));
  } catch (cause) {
    throw new PonosError('USAGE', {
      message: '--address must be HOST:PORT',
      facts: { found: text.slice(0, 80) },
      cause,
    });
  }
}
