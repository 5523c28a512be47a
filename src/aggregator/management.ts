/** `AggregatorManagementService`: AVSs are registered and deregistered while the aggregator runs. */
import { type Address, type ChainId, chainId, parseAddress } from '../base/brands.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { AuthenticationConfig } from '../config/types.js';
import type { AggregatorManagementServiceImplementation } from '../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import type { AuthSignature } from '../rpc/generated/eigenlayer/hourglass/v1/common/auth.js';
import type { ServedAvss } from './served-avss.js';

export interface ManagementOptions {
  readonly authentication: AuthenticationConfig;
  /** The chains that this node watches. */
  readonly chainIds: readonly ChainId[];
  readonly served: Pick<ServedAvss, 'register' | 'deregister'>;
  /** Reads the AVS on L1. @throws PonosError AVS_UNKNOWN, and the client's */
  readonly inspect: (avs: Address) => Promise<void>;
  /** Called when an AVS is served on chains on which it was not before. */
  readonly onServed: (avs: Address, chainIds: readonly ChainId[]) => void;
  readonly logger: Logger;
}

/** The port decides who can call: without `authentication` it is open to this machine only. */
export function createManagementService(
  options: ManagementOptions,
): AggregatorManagementServiceImplementation {
  const { authentication, served, inspect, onServed, logger } = options;
  return {
    async registerAvs({ avsAddress, chainIds, auth }) {
      requireNoAuthentication(authentication, auth);
      const avs = parseRequestedAvs(avsAddress);
      const chains = parseChains(chainIds, options.chainIds);
      await inspect(avs);
      const added = await served.register(avs, chains);
      logger.info('an AVS was registered', { avs, chainIds: chains });
      onServed(avs, added);
      return { success: true };
    },
    async deRegisterAvs({ avsAddress, auth }) {
      requireNoAuthentication(authentication, auth);
      const avs = parseRequestedAvs(avsAddress);
      await served.deregister(avs);
      logger.info('an AVS was deregistered: its tasks that were taken are finished, no more are taken', {
        avs,
      });
      return { success: true };
    },
    async getChallengeToken() {
      requireBuilt(authentication);
      throw authenticationOff('there are no challenge tokens');
    },
  };
}

function requireNoAuthentication(
  authentication: AuthenticationConfig,
  auth: AuthSignature | undefined,
): void {
  requireBuilt(authentication);
  if (auth !== undefined) throw authenticationOff('the signature of the request cannot be checked');
}

function requireBuilt({ enabled }: AuthenticationConfig): void {
  if (enabled !== true) return;
  throw new PonosError('NOT_BUILT_YET', {
    message:
      'authentication of management calls is not built yet in this version: take authentication.enabled out to serve this machine only',
  });
}

function authenticationOff(consequence: string): PonosError {
  return new PonosError('AUTHENTICATION_OFF', { message: `authentication is not enabled: ${consequence}` });
}

function parseRequestedAvs(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!isPonosError(error, 'VALUE_INVALID')) throw error;
    throw new PonosError('REQUEST_INVALID', { message: `avs_address: ${explain(error)}`, cause: error });
  }
}

function parseChains(requested: readonly number[], watched: readonly ChainId[]): ChainId[] {
  if (requested.length === 0) throw new PonosError('REQUEST_INVALID', { message: 'chain_ids is empty' });
  const unknown = requested.find((id) => !watched.some((chain) => chain === id));
  if (unknown === undefined) return requested.map(chainId);
  throw new PonosError('REQUEST_INVALID', {
    message: `chain_ids: this aggregator does not watch chain ${unknown}, only ${watched.join(', ')}`,
  });
}
