/**
 * Who may manage a node. Without `authentication` callers on this machine; with `enabled: false` everybody; with
 * `enabled: true` who proves to have the operator's signing key.
 */

import type { Address } from '../../base/brands.js';
import type { Clock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import type { AuthenticationConfig } from '../../config/types.js';
import { keccak256 } from '../../crypto/keccak.js';
import type { AuthSignature } from '../generated/eigenlayer/hourglass/v1/common/auth.js';
import { isLoopbackPeer } from '../loopback-peer.js';
import { createPeerLimiter } from '../peer-limiter.js';
import { type ChallengeToken, createChallengeTokens } from './challenge-tokens.js';
import { callerMessage, type SignedCall, type SignedRequest } from './signed-method.js';

export interface ManagementGuardOptions {
  readonly authentication: AuthenticationConfig;
  /** The node's own. */
  readonly operator: Address;
  /** Whether a signature is the operator's, by the public key: the signer itself is never asked. */
  readonly verify: (digest: Uint8Array, signature: Uint8Array) => boolean;
  /** What a request for somebody else's token is answered with. */
  readonly foreignOperator: 'REQUEST_INVALID' | 'REQUEST_DENIED';
  readonly clock: Clock;
}

export interface ManagementGuard {
  /**
   * Returns when the peer may make this call; its token is used up then, whatever becomes of the call. An attempt that
   * fails uses no token up: nobody spoils another's, and nothing is kept of it.
   * @throws PonosError REQUEST_DENIED for another machine, AUTHENTICATION_OFF, CREDENTIALS_REFUSED, REQUEST_LIMIT
   */
  admit<Request extends SignedRequest>(call: SignedCall<Request>, peer: string): void;
  /** @throws PonosError REQUEST_DENIED, REQUEST_INVALID, AUTHENTICATION_OFF */
  issueToken(operatorAddress: string, peer: string): ChallengeToken;
}

/** Signatures of one peer that are verified, each of which takes a millisecond or two of everybody's time. */
const CHECKS_PER_SECOND = 50;

export function createManagementGuard(options: ManagementGuardOptions): ManagementGuard {
  const { authentication, operator, verify, foreignOperator, clock } = options;
  const tokens = createChallengeTokens(clock);
  const limiter = createPeerLimiter({ clock, requestsPerSecond: CHECKS_PER_SECOND });

  function requireNear(peer: string): void {
    if (authentication.enabled !== undefined || isLoopbackPeer(peer)) return;
    throw new PonosError('REQUEST_DENIED', {
      message: 'management calls are served to callers on the same machine only',
      facts: { peer },
      advice: 'Set authentication.enabled to true to manage the node from elsewhere, with its signing key.',
    });
  }

  function checkSigned<Request extends SignedRequest>(
    call: SignedCall<Request>,
    auth: AuthSignature | undefined,
    peer: string,
  ): void {
    if (auth === undefined || auth.challengeToken === '' || auth.signature.length === 0) {
      throw refused('a management call needs a challenge token and a signature of it');
    }
    tokens.check(auth.challengeToken);
    limiter.admit(peer);
    const message = callerMessage(auth.challengeToken, call, authentication.bindRequest);
    if (!verify(keccak256(message), auth.signature)) {
      throw refused(
        authentication.bindRequest
          ? "the signature is not the operator's, of this token, method and request"
          : "the signature is not the operator's, of this token",
      );
    }
    tokens.use(auth.challengeToken);
  }

  return {
    admit(call, peer) {
      requireNear(peer);
      const { auth } = call.request;
      if (authentication.enabled === true) return checkSigned(call, auth, peer);
      if (auth !== undefined) throw authenticationOff('the signature of the request is not looked at');
    },
    issueToken(operatorAddress, peer) {
      requireNear(peer);
      if (authentication.enabled !== true) throw authenticationOff('there are no challenge tokens');
      if (operatorAddress === '') {
        throw new PonosError('REQUEST_INVALID', { message: 'the address of the operator is empty' });
      }
      if (operatorAddress.toLowerCase() !== operator) {
        throw new PonosError(foreignOperator, {
          message: 'tokens are given for the operator of this node only',
        });
      }
      return tokens.issue();
    },
  };
}

function refused(message: string): PonosError {
  return new PonosError('CREDENTIALS_REFUSED', {
    message,
    advice:
      'Sign with the signing key of the operator of this node: the ECDSA key if it has one, else the BN254 key.',
  });
}

function authenticationOff(consequence: string): PonosError {
  return new PonosError('AUTHENTICATION_OFF', { message: `authentication is not enabled: ${consequence}` });
}
