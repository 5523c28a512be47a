/** What all commands to a running node do around their calls. */
import type { CallOptions, Channel } from 'nice-grpc';
import type { Role } from '../../config/role.js';
import type { SignedRequest } from '../../rpc/auth/signed-method.js';
import { abortOnInterrupt } from '../interrupt.js';
import type { Terminal } from '../terminal.js';
import { type NodeFlags, openNodeAccess } from './node-access.js';
import { type NodeCall, type NodeClient, withNode } from './node-client.js';

/** Flags, terminal and what comes of both. */
export interface NodeCommand {
  readonly role: Role;
  readonly flags: NodeFlags;
  readonly terminal: Terminal;
  /** Unless `--timeout` says otherwise. */
  readonly timeoutMs: number;
}

/** Reads and small changes. */
export const QUICK_MS = 30_000;

/**
 * Dials the node that the flags name. Ctrl-C ends the calls.
 * @throws PonosError as `openNodeAccess`, and what the action throws
 */
export async function onNode<T>(
  { role, flags, terminal, timeoutMs }: NodeCommand,
  action: (node: NodeClient, timeoutMs: number) => Promise<T>,
): Promise<T> {
  const interrupt = abortOnInterrupt();
  try {
    const access = await openNodeAccess(role, flags, terminal.env);
    const limitMs = flags.timeout === undefined ? timeoutMs : flags.timeout * 1_000;
    return await withNode(access, interrupt.signal, (node) => action(node, limitMs));
  } finally {
    interrupt.release();
  }
}

/** A command that is one call. */
interface SingleCall<Request extends SignedRequest, Response> extends Omit<NodeCall<Request>, 'timeoutMs'> {
  readonly send: (channel: Channel) => (request: Request, options: CallOptions) => Promise<Response>;
}

/** Dials the node that the flags name, and makes the call. @throws PonosError as `openNodeAccess`, and as the node answers */
export function askNode<Request extends SignedRequest, Response>(
  command: NodeCommand,
  { send, ...call }: SingleCall<Request, Response>,
): Promise<Response> {
  return onNode(command, (node, timeoutMs) => node.unary({ ...call, timeoutMs }, send(node.channel)));
}
