/** `AggregatorManagementService`: AVSs are registered and deregistered while the aggregator runs. */
import type { CallContext } from 'nice-grpc';
import { type Address, type ChainId, chainId } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { ManagementGuard } from '../rpc/auth/management-guard.js';
import {
  type AggregatorManagementServiceImplementation,
  AggregatorManagementServiceDefinition as service,
} from '../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import { requestedAddress } from '../rpc/request-fields.js';
import type { ServedAvss } from './served-avss.js';

export interface ManagementOptions {
  /** Says who may call. */
  readonly guard: ManagementGuard;
  /** The chains that this node watches. */
  readonly chainIds: readonly ChainId[];
  readonly served: Pick<ServedAvss, 'register' | 'deregister'>;
  /** Reads the AVS on L1. @throws PonosError AVS_UNKNOWN, and the client's */
  readonly inspect: (avs: Address) => Promise<void>;
  /** Called when an AVS is served on chains on which it was not before. */
  readonly onServed: (avs: Address, chainIds: readonly ChainId[]) => void;
  readonly logger: Logger;
}

export function createManagementService(
  options: ManagementOptions,
): AggregatorManagementServiceImplementation {
  const { guard, served, inspect, onServed, logger } = options;
  const { registerAvs, deRegisterAvs } = service.methods;
  return {
    async registerAvs(request, { peer }: CallContext) {
      guard.admit({ service, method: registerAvs, request }, peer);
      const avs = requestedAddress('avs_address', request.avsAddress);
      const chains = parseChains(request.chainIds, options.chainIds);
      await inspect(avs);
      const added = await served.register(avs, chains);
      logger.info('an AVS was registered', { avs, chainIds: chains });
      onServed(avs, added);
      return { success: true };
    },
    async deRegisterAvs(request, { peer }: CallContext) {
      guard.admit({ service, method: deRegisterAvs, request }, peer);
      const avs = requestedAddress('avs_address', request.avsAddress);
      await served.deregister(avs);
      logger.info('an AVS was deregistered: its tasks that were taken are finished, no more are taken', {
        avs,
      });
      return { success: true };
    },
    async getChallengeToken({ aggregatorAddress }, { peer }: CallContext) {
      const { token, expiresAtSeconds } = guard.issueToken(aggregatorAddress, peer);
      return { challengeToken: token, expiresAt: BigInt(expiresAtSeconds) };
    },
  };
}

function parseChains(requested: readonly number[], watched: readonly ChainId[]): ChainId[] {
  if (requested.length === 0) throw new PonosError('REQUEST_INVALID', { message: 'chain_ids is empty' });
  const unknown = requested.find((id) => !watched.some((chain) => chain === id));
  if (unknown === undefined) return requested.map(chainId);
  throw new PonosError('REQUEST_INVALID', {
    message: `chain_ids: this aggregator does not watch chain ${unknown}, only ${watched.join(', ')}`,
  });
}
