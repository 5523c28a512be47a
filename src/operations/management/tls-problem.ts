/** Why TLS with a node did not come about, told so that its operator knows which file or flag to change. Pure. */
import { PonosError } from '../../base/error.js';
import { errorCodeOf, type TlsAttempt, tlsFailureOf, tlsSentence } from '../../base/tls-failure.js';

export interface CommandTlsAttempt extends TlsAttempt {
  /** `host:port` that was dialled. */
  readonly address: string;
}

const OWN_CERTIFICATE =
  'Give --tls-cert-file and --tls-key-file (or grpc.clientTls in its configuration) with a certificate of an authority in its grpc.tls.caFile.';

/** @param failure what the connection failed with @returns undefined for what is no matter of TLS */
export function tlsProblem(failure: unknown, attempt: CommandTlsAttempt): PonosError | undefined {
  const message = tlsSentence(failure, attempt);
  if (message === undefined) return undefined;
  const facts = { node: attempt.address, reason: errorCodeOf(failure) };
  return new PonosError('PEER_UNREACHABLE', { message, facts, advice: adviceFor(failure, attempt) });
}

function adviceFor(failure: unknown, attempt: TlsAttempt): string | undefined {
  switch (tlsFailureOf(failure)) {
    case 'server-certificate':
      return certificateAdvice(errorCodeOf(failure), attempt.expectedName);
    case 'client-certificate':
      return OWN_CERTIFICATE;
    case 'not-tls':
      return 'Call it without TLS: leave out the flags for it, or give --no-tls beside --config.';
    case 'hang-up':
      return attempt.showedCertificate
        ? `The log of the node says at debug level whether it is that. ${OWN_CERTIFICATE}`
        : OWN_CERTIFICATE;
    default:
      return undefined;
  }
}

function certificateAdvice(code: string, expectedName: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'Renew the file of its grpc.tls.certFile, with those that are in it; the node reads it again by itself.';
    case 'CERT_NOT_YET_VALID':
      return 'Compare the clocks of this machine and of the one that made the certificate.';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return `Name whom it is for with --tls-server-name, or issue one with ${expectedName} among its subject alternative names.`;
    default:
      return 'Give the authority with --tls-ca-file (or grpc.clientTls.caFile in its configuration); NODE_EXTRA_CA_CERTS is heeded, too.';
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
