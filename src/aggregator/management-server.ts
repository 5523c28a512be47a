/** The aggregator's gRPC port: its management, its tasks, what its store holds, and health. */
import type { Clock } from '../base/clock.js';
import type { AggregatorConfig } from '../config/types.js';
import { loadBn254 } from '../crypto/bn254/bn254.js';
import { verifiesWith } from '../protocol/registered-key.js';
import { createManagementGuard } from '../rpc/auth/management-guard.js';
import type { ServerTls } from '../rpc/front-door.js';
import { AggregatorManagementServiceDefinition } from '../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import {
  StorageServiceDefinition,
  type StorageServiceImplementation,
} from '../rpc/generated/ponos/v1/storage.js';
import { TaskServiceDefinition } from '../rpc/generated/ponos/v1/tasks.js';
import { type GrpcServer, startGrpcServer } from '../rpc/server.js';
import type { SigningKeys } from '../signer/load-signers.js';
import { managementSigner, publicKeyOf } from '../signer/management-signer.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { createManagementService, type ManagementOptions } from './management.js';
import { createTaskService } from './task-service.js';
import type { TaskTracker } from './tracker.js';

export interface ManagementServerOptions extends Omit<ManagementOptions, 'guard'> {
  readonly config: Pick<
    AggregatorConfig,
    'authentication' | 'grpc' | 'managementServerGrpcPort' | 'operator'
  >;
  /** Whose public key calls are verified with. */
  readonly signingKeys: SigningKeys;
  readonly store: Pick<AggregatorStore, 'taskRecords'>;
  readonly tracker: TaskTracker;
  /** Absent: nothing is told of the store. */
  readonly storageService: StorageServiceImplementation | undefined;
  /** Absent: plaintext. */
  readonly tls: ServerTls | undefined;
  readonly clock: Clock;
}

/** @throws PonosError PORT_IN_USE */
export async function startManagementServer(options: ManagementServerOptions): Promise<GrpcServer> {
  const { config, store, tracker, storageService, clock, logger } = options;
  const { authentication, operator } = config;
  const bn254 = await loadBn254();
  const key = publicKeyOf(managementSigner(options.signingKeys));
  const guard = createManagementGuard({
    authentication,
    operator: operator.address,
    verify: (digest, signature) => verifiesWith(key, digest, signature, bn254),
    foreignOperator: 'REQUEST_INVALID',
    clock,
  });
  return startGrpcServer({
    // Without an answer to who may manage the node, only this machine may.
    host: authentication.enabled === undefined ? '127.0.0.1' : config.grpc.host,
    port: config.managementServerGrpcPort,
    services: [
      {
        definition: AggregatorManagementServiceDefinition,
        implementation: createManagementService({ ...options, guard }),
      },
      {
        definition: TaskServiceDefinition,
        implementation: createTaskService({ guard, store, stories: () => tracker.stories }),
      },
      ...(storageService === undefined
        ? []
        : [{ definition: StorageServiceDefinition, implementation: storageService }]),
    ],
    tls: options.tls,
    clock,
    logger,
  });
}
