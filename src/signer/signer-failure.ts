/** What went wrong between this node and a remote signer, told so that an operator knows where to look. Pure. */
import { PonosError } from '../base/error.js';
import { errorCodeOf, tlsFailureOf } from '../base/tls-failure.js';

/** The configuration of a remote signer, as messages name it. */
export interface SignerPlace {
  /** `host:port`. */
  readonly signer: string;
  /** The key of the configuration, e.g. `operator.signingKeys.ecdsa.remoteSignerConfig`. */
  readonly at: string;
}

const NO_HTTP = /^HPE_/;

/** A connection that failed, or was not made. @param error as Node throws it */
export function connectionFailure(error: unknown, { signer, at }: SignerPlace): PonosError {
  const code = errorCodeOf(error);
  const failure = tlsFailureOf(error);
  if (failure === 'server-certificate') {
    return new PonosError('SIGNER_UNTRUSTED', {
      message: 'the certificate of the remote signer is not trusted',
      facts: { signer, reason: code },
      advice: `Check ${at}.caCert: it must be the authority of the signer's certificate, which must be valid for the host in ${at}.url.`,
      cause: error,
    });
  }
  if (failure === 'client-certificate') {
    return new PonosError('SIGNER_UNTRUSTED', {
      message: 'the remote signer does not accept the certificate of this node, or wants one',
      facts: { signer, reason: code },
      advice: `Check ${at}.cert and ${at}.key: the signer must trust who issued that certificate, and it must not have expired.`,
      cause: error,
    });
  }
  if (failure === 'not-tls' || NO_HTTP.test(code)) {
    return new PonosError('SIGNER_UNAVAILABLE', {
      message: 'what answers at the address of the remote signer speaks another protocol',
      facts: { signer, reason: code },
      advice: `Check ${at}.url: https:// for a signer with TLS, http:// for one without.`,
      cause: error,
    });
  }
  if (failure === 'hang-up') {
    return new PonosError('SIGNER_UNAVAILABLE', {
      message: 'the remote signer closed the connection without an answer',
      facts: { signer },
      advice: `Look into its log. Some signers hang up on clients whose certificate they do not accept: ${at}.cert.`,
      cause: error,
    });
  }
  return new PonosError('SIGNER_UNAVAILABLE', {
    message: 'the remote signer does not answer',
    facts: { signer },
    advice: `Check that it runs, and ${at}.url.`,
    cause: error,
  });
}

/** No complete answer came in time. */
export function timeoutFailure(timeoutMs: number, { signer }: SignerPlace): PonosError {
  return new PonosError('SIGNER_UNAVAILABLE', {
    message: 'the remote signer does not answer in time',
    facts: { signer, timeoutMs },
    advice: 'Look at what holds it up: its key store or its load.',
  });
}

/** An answer whose status is not 200. @param body what it said */
export function statusFailure(status: number, body: string, { signer, at }: SignerPlace): PonosError {
  const facts = { signer, status, answer: excerpt(body) };
  if (status === 401 || status === 403) {
    return new PonosError('SIGNER_REFUSED', {
      message: 'the remote signer does not let this node in',
      facts,
      advice: `Check what it asks of its clients, and ${at}.cert.`,
    });
  }
  if (status === 404) {
    return new PonosError('SIGNER_REFUSED', {
      message: 'the remote signer does not have the key, or does not know the request',
      facts,
      advice: `Check that it has loaded the key of ${at}.publicKey, that it runs in mode eth1, and the path in ${at}.url.`,
    });
  }
  if (status === 400) {
    return new PonosError('SIGNER_REFUSED', {
      message: 'the remote signer finds fault with a request',
      facts,
      advice: 'Check that it is Web3Signer in mode eth1.',
    });
  }
  return new PonosError('SIGNER_UNAVAILABLE', {
    message: 'the remote signer fails',
    facts,
    advice: 'Look into its log.',
  });
}

/** An answer that is not of the documented form. */
export function malformedAnswer(what: string, body: string, { signer, at }: SignerPlace): PonosError {
  return new PonosError('SIGNER_UNAVAILABLE', {
    message: `the remote signer gave no ${what}`,
    facts: { signer, answer: excerpt(body) },
    advice: `Check that ${at}.url is that of Web3Signer in mode eth1.`,
  });
}

/** Answers may be whole pages, and end in a log line. */
function excerpt(body: string): string {
  return body.replace(/\s+/g, ' ').trim().slice(0, 200);
}
