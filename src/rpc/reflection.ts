/** gRPC reflection over everything in proto/, in the two versions that tools speak. */
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { descriptorSet } from './generated/descriptor-set.js';
import type { GrpcService } from './grpc-services.js';

/** v1alpha differs from v1 only in its name; grpcurl before 1.8.8 knows no other. */
const alphaService = {
  serverReflectionInfo: {
    ...ServerReflectionService.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
};

/** They let clients discover these services (full names, e.g. `grpc.health.v1.Health`). */
export function reflectionServices(serviceNames: readonly string[]): readonly GrpcService[] {
  const implementation = ServerReflection(descriptorSet, serviceNames);
  return [ServerReflectionService, alphaService].map((definition) => ({ definition, implementation }));
}
