/** The executor's gRPC ports: tasks, and management where that has a port of its own. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig } from '../config/types.js';
import type { ServerTls } from '../rpc/front-door.js';
import {
  ExecutorManagementServiceDefinition,
  type ExecutorManagementServiceImplementation,
  ExecutorServiceDefinition,
  type TaskResult,
  type TaskSubmission,
} from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  PerformerServiceDefinition,
  type PerformerServiceImplementation,
} from '../rpc/generated/ponos/v1/performers.js';
import {
  StorageServiceDefinition,
  type StorageServiceImplementation,
} from '../rpc/generated/ponos/v1/storage.js';
import { type GrpcServer, startGrpcServer } from '../rpc/server.js';

export interface ExecutorServersOptions {
  readonly config: Pick<
    ExecutorConfig,
    'grpc' | 'grpcPort' | 'managementServerGrpcPort' | 'authentication' | 'limits'
  >;
  /** Answers a submission of a peer (`address:port`); the signal aborts when the peer hangs up. */
  readonly submit: (request: TaskSubmission, peer: string, signal: AbortSignal) => Promise<TaskResult>;
  /** On the port for management. Who may call is theirs to say. */
  readonly management: ExecutorManagementServiceImplementation;
  readonly performers: PerformerServiceImplementation;
  /** Absent: not offered. */
  readonly storageService?: StorageServiceImplementation;
  /** Of both ports; absent: plaintext. */
  readonly tls?: ServerTls;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ExecutorServers {
  readonly grpcPort: number;
  readonly managementPort: number;
  /** What health answers on every port. */
  setServing(serving: boolean): void;
  close(graceMs: number): Promise<void>;
}

/** gRPC's own default: what is larger than our limit but not this gets an answer that says so. */
const LEAST_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Room in a message beside its payload. */
const MESSAGE_SLACK_BYTES = 64 * 1024;

/** Opens the ports, answering NOT_SERVING until told otherwise. @throws PonosError PORT_IN_USE */
export async function startExecutorServers(options: ExecutorServersOptions): Promise<ExecutorServers> {
  const { config, clock, logger } = options;
  const tasks = await startGrpcServer({
    host: config.grpc.host,
    port: config.grpcPort,
    services: [
      {
        definition: ExecutorServiceDefinition,
        implementation: {
          submitTask: (request, { peer, signal }) => options.submit(request, peer, signal),
        },
      },
      ...(hasOwnManagementPort(config) ? [] : managementServices(options)),
    ],
    limits: {
      maxMessageBytes: Math.max(LEAST_MESSAGE_BYTES, config.limits.maxPayloadBytes + MESSAGE_SLACK_BYTES),
    },
    tls: options.tls,
    clock,
    logger,
  });
  const management = await openManagement(options).catch(async (error: unknown) => {
    await tasks.close(0);
    throw error;
  });
  const setServing = (serving: boolean) => {
    tasks.setServing(serving);
    tasks.setServing(serving, ExecutorServiceDefinition.fullName);
    management?.setServing(serving);
  };
  setServing(false);
  return {
    grpcPort: tasks.port,
    managementPort: management?.port ?? tasks.port,
    setServing,
    close: async (graceMs) => {
      await Promise.all([tasks.close(graceMs), management?.close(graceMs)]);
    },
  };
}

function hasOwnManagementPort({
  grpcPort,
  managementServerGrpcPort,
}: ExecutorServersOptions['config']): boolean {
  return managementServerGrpcPort !== grpcPort;
}

function managementServices({ management, performers, storageService }: ExecutorServersOptions) {
  return [
    { definition: ExecutorManagementServiceDefinition, implementation: management },
    { definition: PerformerServiceDefinition, implementation: performers },
    ...(storageService === undefined
      ? []
      : [{ definition: StorageServiceDefinition, implementation: storageService }]),
  ];
}

/** Without an answer to who may manage the node, only this machine may. */
async function openManagement(options: ExecutorServersOptions): Promise<GrpcServer | undefined> {
  const { config, clock, logger } = options;
  if (!hasOwnManagementPort(config)) return undefined;
  return startGrpcServer({
    host: config.authentication.enabled === undefined ? '127.0.0.1' : config.grpc.host,
    port: config.managementServerGrpcPort,
    services: managementServices(options),
    tls: options.tls,
    clock,
    logger,
  });
}
