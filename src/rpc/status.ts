/** Our errors as gRPC statuses: the one place where a peer's view of a failure is decided. */
import { ServerError, Status } from 'nice-grpc-common';
import { isPonosError, type PonosError } from '../base/error.js';
import type { ErrorCode, ErrorKind } from '../base/error-codes.js';

/** Codes whose kind alone does not tell a peer what to do. Go peers retry UNAVAILABLE and INTERNAL. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, Status>> = {
  VALUE_INVALID: Status.INVALID_ARGUMENT,
  POINT_INVALID: Status.INVALID_ARGUMENT,
  REQUEST_INVALID: Status.INVALID_ARGUMENT,
  // Over the wire: what was asked for is nothing that a store of this node's role has.
  STORE_MISMATCH: Status.INVALID_ARGUMENT,
  REQUEST_DENIED: Status.PERMISSION_DENIED,
  SIGNATURE_INVALID: Status.PERMISSION_DENIED,
  AVS_UNKNOWN: Status.NOT_FOUND,
  TASK_UNKNOWN: Status.NOT_FOUND,
  PERFORMER_MISSING: Status.NOT_FOUND,
  PERFORMER_FAILED: Status.ABORTED,
  DEPLOYMENT_UNDER_WAY: Status.ALREADY_EXISTS,
  NOT_BUILT_YET: Status.UNIMPLEMENTED,
  AUTHENTICATION_OFF: Status.UNIMPLEMENTED,
  CREDENTIALS_REFUSED: Status.UNAUTHENTICATED,
  // The engine is the operator's business; to a peer it is a node that may recover.
  DOCKER_UNAVAILABLE: Status.UNAVAILABLE,
  KUBERNETES_UNAVAILABLE: Status.UNAVAILABLE,
  KUBERNETES_REFUSED: Status.UNAVAILABLE,
};

const STATUS_BY_KIND: Record<ErrorKind, Status> = {
  user: Status.FAILED_PRECONDITION,
  refused: Status.FAILED_PRECONDITION,
  retryable: Status.UNAVAILABLE,
  // A node that stops leaves the task to be asked again, here after a restart or elsewhere.
  aborted: Status.UNAVAILABLE,
  bug: Status.INTERNAL,
};

/** Trailers share the peer's header budget (8 KiB in grpc-js), so a message is kept well below it. */
const MAX_MESSAGE_CHARS = 1024;

/** The gRPC status a peer sees for an error of this program. */
export function grpcStatusOf(error: PonosError): Status {
  return STATUS_BY_CODE[error.code] ?? STATUS_BY_KIND[error.kind];
}

/**
 * What a server answers when a handler threw: the error's own message in one line, without
 * facts, causes or stack (they may name this node's URLs and paths). Whatever is no PonosError,
 * or is a bug, becomes INTERNAL without any detail.
 */
export function toServerError(error: unknown): ServerError {
  if (error instanceof ServerError) return error;
  if (!isPonosError(error) || error.kind === 'bug') {
    return new ServerError(Status.INTERNAL, 'internal error');
  }
  const message = error.message.replace(/\s+/g, ' ').trim().slice(0, MAX_MESSAGE_CHARS);
  return new ServerError(grpcStatusOf(error), message);
}
