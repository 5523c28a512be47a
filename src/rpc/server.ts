/** A gRPC port: services, health, reflection, limits, and errors in one shape. */
import { logVerbosity, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import {
  type CallContext,
  createServer,
  type Server,
  type ServerMiddlewareCall,
  type ServiceImplementation,
} from 'nice-grpc';
import type { CompatServiceDefinition } from 'nice-grpc/lib/service-definitions/index.js';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { type Clock, systemClock } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { MAX_MESSAGE_BYTES } from './channel-options.js';
import { addReflection } from './reflection.js';
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
  readonly logger: Logger;
  readonly limits?: Partial<GrpcServerLimits>;
  readonly clock?: Clock;
}

interface GrpcServerLimits {
  readonly maxMessageBytes: number;
  /** Calls at once on one connection; further ones wait at the client. */
  readonly maxConcurrentStreams: number;
  /** A connection without calls is closed after this time; pings do not count. */
  readonly maxConnectionIdleMs: number;
  /** A connection is asked to leave after this time; its calls may finish. */
  readonly maxConnectionAgeMs: number;
}

const DEFAULT_LIMITS: GrpcServerLimits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxConcurrentStreams: 1024,
  maxConnectionIdleMs: 10 * 60_000,
  maxConnectionAgeMs: 2 * 60 * 60_000,
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
 * SERVING until told otherwise. Peers may ping as often as they like: nghttp2 answers pings itself
 * and grpc-js has no policy against them, so Go's habit of one every 10 s needs no option.
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

  const server = createServer({
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_send_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.max_connection_idle_ms': limits.maxConnectionIdleMs,
    'grpc.max_connection_age_ms': limits.maxConnectionAgeMs,
  });
  const guarded = server.with((call, context) => guard(call, context, logger));
  const names: string[] = [];
  for (const { definition, implementation } of options.services) {
    guarded.add(definition, implementation);
    const name = serviceName(definition);
    names.push(name);
    health.setStatus('healthy', name);
  }
  addHealth(server, health, closing.signal);
  addReflection(server, [...names, 'grpc.health.v1.Health']);

  const port = await listen(server, host, options.port);
  let closed: Promise<void> | undefined;
  return {
    port,
    setServing: (serving, service) => health.setStatus(serving ? 'healthy' : 'unhealthy', service),
    close(graceMs) {
      closed ??= (async () => {
        for (const name of ['', ...names]) health.setStatus('unhealthy', name);
        closing.abort();
        await shutDown(server, graceMs, clock);
      })();
      return closed;
    },
  };
}

function serviceName(definition: CompatServiceDefinition): string {
  if ('fullName' in definition && typeof definition.fullName === 'string') return definition.fullName;
  throw new PonosError('INTERNAL', { message: 'a service definition without a full name' });
}

function addHealth(server: Server, health: HealthState, closing: AbortSignal): void {
  const implementation = HealthServiceImpl(health);
  server.add(HealthDefinition, {
    check: implementation.check,
    // A watch lasts as long as its caller likes, and must not hold up our closing.
    watch: (request, context) =>
      implementation.watch(request, { ...context, signal: AbortSignal.any([context.signal, closing]) }),
  });
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

async function listen(server: Server, host: string, port: number): Promise<number> {
  // grpc-js also prints a failed bind on its own; the error thrown here says it once, and better.
  setLogVerbosity(logVerbosity.NONE);
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    return await server.listen(address, ServerCredentials.createInsecure());
  } catch (error) {
    const taken = explain(error).includes('EADDRINUSE');
    throw new PonosError('PORT_IN_USE', {
      message: taken ? `port ${port} is in use` : `cannot listen on ${address}`,
      facts: { host, port },
      advice: taken
        ? 'Stop the process that listens there (`ss -ltnp` names it), or configure another port.'
        : 'Check the host and port in the configuration, and the right to use them.',
      cause: error,
    });
  }
}

async function shutDown(server: Server, graceMs: number, clock: Clock): Promise<void> {
  const finished = new AbortController();
  const drained = server.shutdown().finally(() => finished.abort());
  const forced = clock.sleep(graceMs, finished.signal).then(
    () => server.forceShutdown(),
    () => undefined, // drained in time
  );
  await Promise.all([drained, forced]);
}
