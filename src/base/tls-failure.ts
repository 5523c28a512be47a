/** What went wrong in a TLS handshake, by the names that OpenSSL and Node.js give their errors. Pure. */

/**
 * `server-certificate`: it did not convince us. `client-certificate`: ours did not convince the server, or it wants one.
 * `not-tls`: the other side speaks something else. `hang-up`: it ended the connection without a word, as servers also do
 * whose protocol is another, and those that do not like our certificate.
 */
export type TlsFailure = 'server-certificate' | 'client-certificate' | 'not-tls' | 'hang-up';

const PATTERNS: readonly (readonly [TlsFailure, RegExp])[] = [
  [
    'server-certificate',
    /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA)/,
  ],
  // An alert came back.
  [
    'client-certificate',
    /^ERR_SSL_.*ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|DECRYPT_ERROR)/,
  ],
  ['not-tls', /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/],
  ['hang-up', /^(ECONNRESET|EPIPE)$/],
];

/** @param error as Node.js throws it @returns undefined for what is no matter of TLS, such as a port where nobody listens */
export function tlsFailureOf(error: unknown): TlsFailure | undefined {
  const code = errorCodeOf(error);
  return PATTERNS.find(([, pattern]) => pattern.test(code))?.[0];
}

/** The `code` of an error of Node.js; empty without one. */
export function errorCodeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

export interface TlsAttempt {
  /** Whom the node's certificate had to be for. */
  readonly expectedName: string;
  /** Whether a certificate was shown to it. */
  readonly showedCertificate: boolean;
}

/** What went wrong in a call of a node. @returns undefined for what is no matter of TLS */
export function tlsSentence(
  error: unknown,
  { expectedName, showedCertificate }: TlsAttempt,
): string | undefined {
  switch (tlsFailureOf(error)) {
    case 'server-certificate':
      return certificateSentence(errorCodeOf(error), expectedName);
    case 'client-certificate':
      return showedCertificate
        ? 'the node does not accept the certificate that it was shown'
        : 'the node requires a certificate of its callers';
    case 'not-tls':
      return 'the node does not speak TLS on this port';
    case 'hang-up':
      return `the node closed the connection within the TLS handshake, or right after it, as nodes do that ${
        showedCertificate ? 'do not accept a certificate' : 'require a certificate'
      }`;
    default:
      return undefined;
  }
}

function certificateSentence(code: string, expectedName: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'the certificate of the node has expired';
    case 'CERT_NOT_YET_VALID':
      return 'the certificate of the node is not valid yet';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return `the certificate of the node is not for ${expectedName}`;
    default:
      return 'the certificate of the node is of an authority that is not known here';
  }
}
