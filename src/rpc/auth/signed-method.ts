/** What a caller of a management method signs: the token alone, or bound to one request. */
import { boundTokenMessage, challengeTokenMessage } from '../../protocol/management.js';
import type { AuthSignature } from '../generated/eigenlayer/hourglass/v1/common/auth.js';

/** A request that carries the caller's credentials. */
export interface SignedRequest {
  auth: AuthSignature | undefined;
}

/** A method as the generated definitions have it. */
export interface SignedMethod<Request extends SignedRequest> {
  readonly name: string;
  readonly requestType: { encode(request: Request): { finish(): Uint8Array } };
}

/** One call of a method. */
export interface SignedCall<Request extends SignedRequest> {
  readonly service: { readonly fullName: string };
  readonly method: SignedMethod<Request>;
  readonly request: Request;
}

/**
 * The preimage of the caller's signature.
 * @param bindRequest `authentication.bindRequest`: the signature is good for this method with this request only. The
 *   request is encoded anew, without its auth field, with its fields in number order and defaults left out: how the
 *   caller has encoded it does not matter.
 */
export function callerMessage<Request extends SignedRequest>(
  token: string,
  { service, method, request }: SignedCall<Request>,
  bindRequest: boolean,
): Uint8Array {
  if (!bindRequest) return challengeTokenMessage(token);
  const bytes = method.requestType.encode({ ...request, auth: undefined }).finish();
  return boundTokenMessage(token, `/${service.fullName}/${method.name}`, bytes);
}
