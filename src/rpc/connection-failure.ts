/** Why a call has found no connection, where grpc-js has only half a sentence about it. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc';
import { errorCodeOf, tlsSentence } from '../base/tls-failure.js';
import { callDetails } from './call-details.js';
import { TlsCredentials } from './tls-credentials.js';

/** grpc-js has these words where a connection was not made, or was closed before the peer's first. */
const NO_CONNECTION = /^No connection established/;
/** Nobody has taken it: that says enough, and is no matter of TLS. */
const NOT_TAKEN = /\bconnect E[A-Z]+|Socket closed/;

/**
 * The error of a call with what TLS has to do with it: an alert that comes when the handshake is over for us, and a
 * server that hangs up then, are `Failed to connect` to grpc-js.
 */
export function withConnectionFailure(error: unknown, credentials: ChannelCredentials): unknown {
  if (!(error instanceof ClientError) || error.code !== Status.UNAVAILABLE) return error;
  const { path, code, details } = error;
  if (!NO_CONNECTION.test(details) || NOT_TAKEN.test(details)) return error;
  if (!(credentials instanceof TlsCredentials)) {
    return new ClientError(
      path,
      code,
      `${callDetails(details)} (called without TLS: grpc.clientTls and tlsEnabled ask for it)`,
    );
  }
  const { lastFailure } = credentials;
  const sentence = tlsSentence(lastFailure, credentials);
  if (sentence === undefined) return error;
  return new ClientError(path, code, `no TLS connection: ${sentence} (${errorCodeOf(lastFailure)})`);
}
