/** gRPC reflection over everything in proto/, in the two versions that tools speak. */
import type { Server } from 'nice-grpc';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { descriptorSet } from './generated/descriptor-set.js';

/** v1alpha differs from v1 only in its name; grpcurl before 1.8.8 knows no other. */
const alphaService = {
  serverReflectionInfo: {
    ...ServerReflectionService.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
};

/** Lets clients discover these services (full names, e.g. `grpc.health.v1.Health`). */
export function addReflection(server: Server, serviceNames: readonly string[]): void {
  const implementation = ServerReflection(descriptorSet, serviceNames);
  server.add(ServerReflectionService, implementation);
  server.add(alphaService, implementation);
}
