/** `ExecutorManagementService`: performers are deployed, listed and removed while the executor runs. */
import type { CallContext } from 'nice-grpc';
import { untilAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { ManagementGuard } from '../rpc/auth/management-guard.js';
import {
  type DeployArtifactResponse,
  type ExecutorManagementServiceImplementation,
  ExecutorManagementServiceDefinition as service,
} from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { optionalAddress } from '../rpc/request-fields.js';
import type { PerformerRecord } from '../store/executor-performer-records.js';
import { parseDeployRequest } from './deploy-request.js';
import { type DeployedByCall, type Deployments, KEEP_VALUES } from './deployments.js';
import type { PerformerControl } from './performer-control.js';
import { performerMessage, storedPerformerMessage } from './performer-messages.js';

export interface ExecutorManagementOptions {
  /** Says who may call. */
  readonly guard: ManagementGuard;
  readonly control: Pick<PerformerControl, 'list' | 'remove'>;
  readonly deployments: Pick<Deployments, 'start'>;
  /** What the store has. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
  readonly storedPerformers: () => Promise<readonly PerformerRecord[]>;
  readonly logger: Logger;
}

export function createExecutorManagement(
  options: ExecutorManagementOptions,
): ExecutorManagementServiceImplementation {
  const { guard, control, deployments, storedPerformers, logger } = options;
  const { deployArtifact, listPerformers, removePerformer } = service.methods;
  return {
    async deployArtifact(request, { peer, signal }: CallContext) {
      guard.admit({ service, method: deployArtifact, request }, peer);
      const run = deployments.start(parseDeployRequest(request), () => undefined);
      return deployResponse(await untilAborted(run, signal));
    },
    async listPerformers(request, { peer }: CallContext) {
      guard.admit({ service, method: listPerformers, request }, peer);
      const avs = optionalAddress('avs_address', request.avsAddress);
      const stored = await storedPerformers();
      const live = control.list();
      const onlyStored = stored.filter(({ id }) => !live.some((state) => state.id === id));
      return {
        performers: [...live.map(performerMessage), ...onlyStored.map(storedPerformerMessage)].filter(
          ({ avsAddress }) => (avs ?? avsAddress) === avsAddress,
        ),
      };
    },
    async removePerformer(request, { peer, signal }: CallContext) {
      guard.admit({ service, method: removePerformer, request }, peer);
      const { performerId } = request;
      if (performerId === '') throw new PonosError('REQUEST_INVALID', { message: 'performer_id is empty' });
      const removal = control.remove(performerId).then(() => {
        logger.info('a performer was removed on request', { performer: performerId });
      });
      await untilAborted(removal, signal);
      return { success: true, message: `performer ${performerId} is removed` };
    },
    async getChallengeToken({ operatorAddress }, { peer }: CallContext) {
      const { token, expiresAtSeconds } = guard.issueToken(operatorAddress, peer);
      return { challengeToken: token, expiresAt: BigInt(expiresAtSeconds) };
    },
  };
}

export function deployResponse({
  deploymentId,
  performerId,
  notKept,
}: DeployedByCall): DeployArtifactResponse {
  const inService = `performer ${performerId} is in service`;
  const lost = `, until this node restarts: the values of ${notKept.join(', ')} came with the call and are not kept. ${KEEP_VALUES}`;
  return { success: true, message: notKept.length === 0 ? inService : inService + lost, deploymentId };
}
