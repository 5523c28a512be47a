import { describe, expect, test } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import { createManagementService, type ManagementOptions } from '../../../src/aggregator/management.js';
import { chainId } from '../../../src/base/brands.js';
import { type ErrorDetails, PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { grpcStatusOf } from '../../../src/rpc/status.js';
import { AVS } from './world.js';

const [L1, L2] = [chainId(31_337), chainId(31_338)];
const context = { peer: '127.0.0.1:4711' } as CallContext;

function world(change: Partial<ManagementOptions> = {}) {
  const calls: unknown[] = [];
  const service = createManagementService({
    guard: { admit: () => undefined, issueToken: () => ({ token: '', expiresAtSeconds: 0 }) },
    chainIds: [L1, L2],
    served: {
      register: async (avs, chainIds) => {
        calls.push(['register', avs, chainIds]);
        return chainIds.slice(1);
      },
      deregister: async (avs) => {
        calls.push(['deregister', avs]);
      },
    },
    inspect: async (avs) => {
      calls.push(['inspect', avs]);
    },
    onServed: (avs, chainIds) => calls.push(['served', avs, chainIds]),
    logger: silentLogger,
    ...change,
  });
  const statusOf = async (call: unknown) => {
    const error = await Promise.resolve(call).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof PonosError)) throw new Error(`no PonosError: ${error}`);
    return [grpcStatusOf(error), error.message] as const;
  };
  return { service, calls, statusOf };
}

describe('AggregatorManagementService', () => {
  test('default: an AVS is looked at, registered, and served where it was not', async () => {
    const { service, calls } = world();
    const request = { avsAddress: AVS.toUpperCase().replace('0X', '0x'), chainIds: [L1, L2] };
    expect(await service.registerAvs({ ...request, auth: undefined }, context)).toEqual({ success: true });
    expect(calls).toEqual([
      ['inspect', AVS],
      ['register', AVS, [L1, L2]],
      ['served', AVS, [L2]],
    ]);
  });

  test('default: an AVS is deregistered', async () => {
    const { service, calls } = world();
    const request = { avsAddress: AVS, auth: undefined };
    expect(await service.deRegisterAvs(request, context)).toEqual({ success: true });
    expect(calls).toEqual([['deregister', AVS]]);
  });

  test.each([
    ['no address', { avsAddress: '0x12', chainIds: [L1] }, /^avs_address: an address must be/],
    ['no chains', { avsAddress: AVS, chainIds: [] }, /^chain_ids is empty/],
    [
      'a chain that is not watched',
      { avsAddress: AVS, chainIds: [L1, 1] },
      /does not watch chain 1, only 31337/,
    ],
  ])('error: %s', async (_what, request, message) => {
    const { service, calls, statusOf } = world();
    const [status, text] = await statusOf(service.registerAvs({ ...request, auth: undefined }, context));
    expect([status, calls]).toEqual([Status.INVALID_ARGUMENT, []]);
    expect(text).toMatch(message);
  });

  test('error: an AVS that L1 does not know is not registered', async () => {
    const details: ErrorDetails = { message: 'no registrar' };
    const { service, calls, statusOf } = world({
      inspect: () => Promise.reject(new PonosError('AVS_UNKNOWN', details)),
    });
    const call = service.registerAvs({ avsAddress: AVS, chainIds: [L1], auth: undefined }, context);
    expect((await statusOf(call))[0]).toBe(Status.NOT_FOUND);
    expect(calls).toEqual([]);
  });

  const refused = new PonosError('CREDENTIALS_REFUSED', { message: 'not you' });

  test('error: whom the guard does not admit, nothing is done for', async () => {
    const peers: string[] = [];
    const refuse = (peer: string) => {
      peers.push(peer);
      throw refused;
    };
    const guard = {
      admit: (_call: unknown, peer: string) => refuse(peer),
      issueToken: (_address: string, peer: string) => refuse(peer),
    };
    const { service, calls, statusOf } = world({ guard });
    for (const call of [
      () => service.registerAvs({ avsAddress: AVS, chainIds: [L1], auth: undefined }, context),
      () => service.deRegisterAvs({ avsAddress: AVS, auth: undefined }, context),
      () => service.getChallengeToken({ aggregatorAddress: AVS }, context),
    ]) {
      expect(await statusOf(call())).toEqual([Status.UNAUTHENTICATED, 'not you']);
    }
    expect(calls).toEqual([]);
    expect(peers).toEqual([context.peer, context.peer, context.peer]);
  });

  test('default: a token, with when it expires', async () => {
    const guard = {
      admit: () => undefined,
      issueToken: (address: string) => ({ token: `token of ${address}`, expiresAtSeconds: 1_700_000_300 }),
    };
    const { service } = world({ guard });
    expect(await service.getChallengeToken({ aggregatorAddress: AVS }, context)).toEqual({
      challengeToken: `token of ${AVS}`,
      expiresAt: 1_700_000_300n,
    });
  });
});
