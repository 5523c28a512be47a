/** A gRPC port: services, health, reflection, limits, and errors in one shape. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import type { CallContext, ServerMiddlewareCall, ServiceImplementation } from 'nice-grpc';
import type { CompatServiceDefinition } from 'nice-grpc/lib/service-definitions/index.js';
import { HealthState } from 'nice-grpc-server-health';
import { type Clock, systemClock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { MAX_MESSAGE_BYTES } from './channel-options.js';
import type { ConnectionLimits } from './connection-limits.js';
import { Connections } from './connections.js';
import { openFrontDoor, type ServerTls } from './front-door.js';
import { addService } from './grpc-services.js';
import { healthService } from './health-service.js';
import { reflectionServices } from './reflection.js';
import { toServerError } from './status.js';

export interface GrpcServerOptions<Services extends readonly CompatServiceDefinition[]> {
  /** Address to listen on, e.g. `127.0.0.1` or `0.0.0.0`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly services: {
    readonly [Index in keyof Services]: {
      readonly definition: Services[Index];
      readonly implementation: ServiceImplementation<Services[Index]>;
    };
  };
  /** Absent: plaintext. */
  readonly tls?: ServerTls;
  readonly logger: Logger;
  readonly limits?: Partial<GrpcServerLimits>;
  readonly clock?: Clock;
}

interface GrpcServerLimits extends ConnectionLimits {
  readonly maxMessageBytes: number;
  /** Calls at once on one connection; further ones wait at the client. */
  readonly maxConcurrentStreams: number;
  /** A peer that does not answer a ping, sent so often, is gone. */
  readonly keepaliveMs: number;
}

const DEFAULT_LIMITS: GrpcServerLimits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxConcurrentStreams: 512,
  maxConnectionIdleMs: 10 * 60_000,
  maxConnectionAgeMs: 2 * 60 * 60_000,
  maxConnectionAgeGraceMs: 60 * 60_000,
  keepaliveMs: 5 * 60_000,
  maxConnections: 1024,
  maxConnectionsPerPeer: 64,
  maxOpenCalls: 8192,
  maxOpenCallsPerPeer: 2048,
  firstCallMs: 30_000,
  arrivalMs: 60_000,
  maxArrivingBytes: 256 * 1024 * 1024,
  maxTakenBackCalls: 768,
  takenBackCallsPerSecond: 33,
};

export interface GrpcServer {
  readonly port: number;
  /** Sets what `grpc.health.v1` answers for a service (full name), or for the server as a whole. */
  setServing(serving: boolean, service?: string): void;
  /** Refuses new calls, waits up to `graceMs` for those in flight, then cancels them. May be called twice. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens, and resolves when the port is open. Every service, and the server as a whole, reports
 * SERVING until told otherwise. Peers may ping: grpc-js has no policy against it, so Go's habit of one
 * every 10 s needs no option, and nghttp2 ends a connection on which more arrive than it can answer.
 *
 * @throws PonosError PORT_IN_USE when the address cannot be listened on
 */
export async function startGrpcServer<const Services extends readonly CompatServiceDefinition[]>(
  options: GrpcServerOptions<Services>,
): Promise<GrpcServer> {
  const { host, logger } = options;
  const clock = options.clock ?? systemClock;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const closing = new AbortController();
  const health = HealthState();
  // Each watcher listens on this emitter; their number is limited by streams, not by a warning.
  health.setMaxListeners(0);

  const connections = new Connections({ limits, clock, logger });
  // What it has to say about broken connections and calls is for its developers.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_send_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.max_connection_idle_ms': limits.maxConnectionIdleMs,
    'grpc.max_connection_age_ms': limits.maxConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': limits.maxConnectionAgeGraceMs,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    interceptors: [connections.interceptor],
  });
  const names: string[] = [];
  for (const { definition, implementation } of options.services) {
    addService(server, {
      definition,
      implementation,
      middleware: (call, context) => guard(call, context, logger),
    });
    const name = serviceName(definition);
    names.push(name);
    health.setStatus('healthy', name);
  }
  addService(server, healthService(health, closing.signal));
  for (const service of reflectionServices([...names, 'grpc.health.v1.Health'])) addService(server, service);

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const door = await openFrontDoor({
    host,
    port: options.port,
    tls: options.tls,
    connections,
    onConnection: (socket) => injector.injectConnection(socket),
    logger,
  }).catch((error: unknown) => {
    server.forceShutdown();
    throw error;
  });
  const shutDown = async (graceMs: number) => {
    door.stop();
    const finished = new AbortController();
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    const isOver = clock.sleep(graceMs, finished.signal).catch(() => undefined);
    await Promise.race([drained, isOver]);
    finished.abort();
    server.forceShutdown();
    // Handshakes, and peers that keep their session from closing.
    await connections.close();
    await door.closed;
  };
  let closed: Promise<void> | undefined;
  return {
    port: door.port,
    setServing: (serving, service) => health.setStatus(serving ? 'healthy' : 'unhealthy', service),
    close(graceMs) {
      closed ??= (async () => {
        for (const name of ['', ...names]) health.setStatus('unhealthy', name);
        closing.abort();
        await shutDown(graceMs);
      })();
      return closed;
    },
  };
}

function serviceName(definition: CompatServiceDefinition): string {
  if ('fullName' in definition && typeof definition.fullName === 'string') return definition.fullName;
  throw new PonosError('INTERNAL', { message: 'a service definition without a full name' });
}

/** Runs a call and turns whatever it throws into a status; only what nobody expected is logged here. */
async function* guard<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
  logger: Logger,
) {
  try {
    return yield* call.next(call.request, context);
  } catch (error) {
    if (context.signal.aborted) {
      logger.debug('a peer hung up', { method: call.method.path, peer: context.peer });
    } else if (!isPonosError(error) || error.kind === 'bug') {
      logger.error('a call failed unexpectedly', { method: call.method.path, peer: context.peer, error });
    } else {
      logger.debug('a call was refused', { method: call.method.path, peer: context.peer, error });
    }
    throw toServerError(error);
  }
}
