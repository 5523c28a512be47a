/** Why TLS with a node did not come about, told so that its operator knows which file or flag to change. Pure. */
import { type ErrorDetails, PonosError } from '../../base/error.js';
import { errorCodeOf, tlsFailureOf } from '../../base/tls-failure.js';

export interface TlsAttempt {
  /** `host:port` that was dialled. */
  readonly address: string;
  /** Whom its certificate had to be for. */
  readonly expectedName: string;
  /** Whether a certificate was shown to it. */
  readonly showedCertificate: boolean;
}

const OWN_CERTIFICATE =
  'Give --tls-cert-file and --tls-key-file (or grpc.clientTls in its configuration) with a certificate of an authority in its grpc.tls.caFile.';

/** @param failure what the connection failed with @returns undefined for what is no matter of TLS */
export function tlsProblem(failure: unknown, attempt: TlsAttempt): PonosError | undefined {
  const details = describe(failure, attempt);
  if (details === undefined) return undefined;
  const reason = errorCodeOf(failure);
  return new PonosError('PEER_UNREACHABLE', { ...details, facts: { node: attempt.address, reason } });
}

type Description = Pick<ErrorDetails, 'message' | 'advice'>;

function describe(failure: unknown, attempt: TlsAttempt): Description | undefined {
  switch (tlsFailureOf(failure)) {
    case 'server-certificate':
      return nodeCertificate(errorCodeOf(failure), attempt.expectedName);
    case 'client-certificate':
      return {
        message: attempt.showedCertificate
          ? 'the node does not accept the certificate that it was shown'
          : 'the node requires a certificate of its callers',
        advice: OWN_CERTIFICATE,
      };
    case 'not-tls':
      return {
        message: 'the node does not speak TLS on this port',
        advice: 'Call it without TLS: leave out the flags for it, or give --no-tls beside --config.',
      };
    case 'hang-up':
      return {
        message: 'the node closed the connection within the TLS handshake, or right after it',
        advice: attempt.showedCertificate
          ? `So do nodes that do not accept a certificate; their log says so at debug level. ${OWN_CERTIFICATE}`
          : `So do nodes that require a certificate. ${OWN_CERTIFICATE}`,
      };
    default:
      return undefined;
  }
}

function nodeCertificate(reason: string, expectedName: string): Description {
  switch (reason) {
    case 'CERT_HAS_EXPIRED':
      return {
        message: 'the certificate of the node has expired',
        advice:
          'Renew the file of its grpc.tls.certFile, with those that are in it; the node reads it again by itself.',
      };
    case 'CERT_NOT_YET_VALID':
      return {
        message: 'the certificate of the node is not valid yet',
        advice: 'Compare the clocks of this machine and of the one that made the certificate.',
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return {
        message: `the certificate of the node is not for ${expectedName}`,
        advice: `Name whom it is for with --tls-server-name, or issue one with ${expectedName} among its subject alternative names.`,
      };
    default:
      return {
        message: 'the certificate of the node is of an authority that is not known here',
        advice:
          'Give the authority with --tls-ca-file (or grpc.clientTls.caFile in its configuration); NODE_EXTRA_CA_CERTS is heeded, too.',
      };
  }
}

/** A node that was called in plaintext and answers a TLS handshake. */
export function tlsWanted(address: string): PonosError {
  return new PonosError('PEER_UNREACHABLE', {
    message: 'the node speaks TLS on this port, and was called without',
    facts: { node: address },
    advice:
      'Give --config FILE of the node, or --tls-ca-file with the authority of its certificate (--tls for a public one).',
  });
}
