/**
 * Services in nice-grpc's form on a server of grpc-js. nice-grpc's own server can do nothing but listen on a port by
 * itself; ours must choose which connections it takes.
 */
import type { Server, UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ServerMiddleware } from 'nice-grpc';
import * as bidi from 'nice-grpc/lib/server/handleBidiStreamingCall.js';
import * as clientStreaming from 'nice-grpc/lib/server/handleClientStreamingCall.js';
import * as serverStreaming from 'nice-grpc/lib/server/handleServerStreamingCall.js';
import * as unary from 'nice-grpc/lib/server/handleUnaryCall.js';
import type { CompatServiceDefinition, MethodDefinition } from 'nice-grpc/lib/service-definitions/index.js';
import * as definitions from 'nice-grpc/lib/service-definitions/index.js';

type Method = MethodDefinition<unknown, unknown, unknown, unknown>;
type Implementation = (...args: readonly unknown[]) => unknown;
type CreateHandler = (
  method: Method,
  implementation: Implementation,
  middleware?: ServerMiddleware,
) => UntypedHandleCall;

/** What the modules above export beside their declared types; the version is fixed in package.json. */
interface Internals {
  readonly createUnaryMethodHandler: CreateHandler;
  readonly createClientStreamingMethodHandler: CreateHandler;
  readonly createServerStreamingMethodHandler: CreateHandler;
  readonly createBidiStreamingMethodHandler: CreateHandler;
  readonly normalizeServiceDefinition: (
    definition: CompatServiceDefinition,
  ) => Readonly<Record<string, Method>>;
  readonly toGrpcJsServiceDefinition: (
    definition: Readonly<Record<string, Method>>,
  ) => Parameters<Server['addService']>[0];
}

const internals = {
  ...unary,
  ...clientStreaming,
  ...serverStreaming,
  ...bidi,
  ...definitions,
} as unknown as Internals;

/** A service to be added: its definition, and an object with a function for each of its methods. */
export interface GrpcService {
  readonly definition: CompatServiceDefinition;
  readonly implementation: object;
  /** Around every call of it. */
  readonly middleware?: ServerMiddleware;
}

export function addService(server: Server, { definition, implementation, middleware }: GrpcService): void {
  const methods = internals.normalizeServiceDefinition(definition);
  const handlers: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(methods)) {
    const implemented = Reflect.get(implementation, name) as Implementation;
    handlers[name] = createHandler(method)(method, implemented.bind(implementation), middleware);
  }
  server.addService(internals.toGrpcJsServiceDefinition(methods), handlers);
}

function createHandler({ requestStream, responseStream }: Method): CreateHandler {
  if (requestStream)
    return responseStream
      ? internals.createBidiStreamingMethodHandler
      : internals.createClientStreamingMethodHandler;
  return responseStream ? internals.createServerStreamingMethodHandler : internals.createUnaryMethodHandler;
}
