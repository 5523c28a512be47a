/** Calls of a running node: signed if it asks for that, each with a deadline. */
import { type CallOptions, type Channel, createClient } from 'nice-grpc';
import { callerMessage, type SignedMethod, type SignedRequest } from '../../rpc/auth/signed-method.js';
import { MAX_MESSAGE_BYTES } from '../../rpc/channel-options.js';
import { AggregatorManagementServiceDefinition } from '../../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import type { AuthSignature } from '../../rpc/generated/eigenlayer/hourglass/v1/common/auth.js';
import { ExecutorManagementServiceDefinition } from '../../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type DialledNode, dialNode } from './dial-node.js';
import type { NodeAccess } from './node-access.js';
import { nodeError } from './node-error.js';

/** A call to be made; the request without its credentials. */
export interface NodeCall<Request extends SignedRequest> {
  readonly service: { readonly fullName: string };
  readonly method: SignedMethod<Request>;
  readonly request: Request;
  readonly timeoutMs: number;
}

/** Its methods throw PonosError PEER_UNREACHABLE, CREDENTIALS_REFUSED, NODE_REFUSED, ABORTED. */
export interface NodeClient {
  readonly channel: Channel;
  unary<Request extends SignedRequest, Response>(
    call: NodeCall<Request>,
    send: (request: Request, options: CallOptions) => Promise<Response>,
  ): Promise<Response>;
  /** `timeoutMs` is until the last item, or, for what is followed, until the first. */
  stream<Request extends SignedRequest, Item>(
    call: NodeCall<Request> & { readonly isFollowed?: boolean },
    send: (request: Request, options: CallOptions) => AsyncIterable<Item>,
  ): AsyncGenerator<Item>;
}

/** Dials the node for the action. @throws PonosError, what the action throws */
export async function withNode<T>(
  access: NodeAccess,
  interrupt: AbortSignal,
  action: (node: NodeClient) => Promise<T>,
): Promise<T> {
  const dialled = dialNode(access, MAX_MESSAGE_BYTES);
  try {
    return await action(createNodeClient(access, dialled, interrupt));
  } finally {
    dialled.close();
  }
}

function createNodeClient(access: NodeAccess, dialled: DialledNode, interrupt: AbortSignal): NodeClient {
  const { channel } = dialled;
  const { address, credentials, role } = access;
  const isSigned = credentials !== undefined;

  async function challengeToken(options: CallOptions): Promise<string> {
    const operator = credentials?.operator ?? '';
    const { challengeToken: token } =
      role === 'executor'
        ? await createClient(ExecutorManagementServiceDefinition, channel).getChallengeToken(
            { operatorAddress: operator },
            options,
          )
        : await createClient(AggregatorManagementServiceDefinition, channel).getChallengeToken(
            { aggregatorAddress: operator },
            options,
          );
    return token;
  }

  async function sign<Request extends SignedRequest>(
    call: NodeCall<Request>,
    options: CallOptions,
  ): Promise<Request> {
    if (credentials === undefined) return call.request;
    const token = await challengeToken(options);
    const message = callerMessage(token, call, credentials.bindRequest);
    const signature = Buffer.from(await credentials.signer.sign(message, 'plain'));
    const auth: AuthSignature = { challengeToken: token, signature };
    return { ...call.request, auth };
  }

  /** Ends with the command, and with its own time. */
  function limits(timeoutMs: number) {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const options: CallOptions = { signal: AbortSignal.any([interrupt, deadline.signal]) };
    const fail = async (error: unknown) =>
      (await dialled.explain(error)) ??
      nodeError(error, { address, isSigned, interrupt, deadline: deadline.signal });
    return { options, fail, release: () => clearTimeout(timer) };
  }

  return {
    channel,
    async unary(call, send) {
      const { options, fail, release } = limits(call.timeoutMs);
      try {
        return await send(await sign(call, options), options);
      } catch (error) {
        throw await fail(error);
      } finally {
        release();
      }
    },
    async *stream(call, send) {
      const { options, fail, release } = limits(call.timeoutMs);
      try {
        const stream = send(await sign(call, options), options);
        for await (const item of stream) {
          if (call.isFollowed) release();
          yield item;
        }
      } catch (error) {
        throw await fail(error);
      } finally {
        release();
      }
    },
  };
}
