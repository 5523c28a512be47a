import { describe, expect, test } from '@jest/globals';
import { Status } from 'nice-grpc';
import { parseAddress, parseHex } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import { isPonosError } from '../../../src/base/error.js';
import { loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import { ecdsaAddress, signEcdsa } from '../../../src/crypto/ecdsa.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { type RegisteredKey, verifiesWith } from '../../../src/protocol/registered-key.js';
import { createManagementGuard } from '../../../src/rpc/auth/management-guard.js';
import { callerMessage, type SignedCall, type SignedRequest } from '../../../src/rpc/auth/signed-method.js';
import { AggregatorManagementServiceDefinition } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import {
  type DeployArtifactRequest,
  ExecutorManagementServiceDefinition,
} from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { grpcStatusOf } from '../../../src/rpc/status.js';
import { manualClock } from '../../support/manual-clock.js';
import { readVectors } from '../../support/vectors.js';

interface Vectors {
  readonly cases: readonly {
    readonly challengeToken: string;
    readonly authSignatureProto: string;
    readonly ecdsa: { readonly address: string; readonly privateKeyHex: string; readonly signature: string };
    readonly bn254: { readonly privateKeyHex: string; readonly signature: string };
  }[];
}

interface BoundVectors {
  readonly privateKeyHex: string;
  readonly cases: readonly {
    readonly token: string;
    readonly fullMethod: string;
    readonly requestBytes: string;
    readonly message: string;
    readonly digest: string;
    readonly signature: string;
  }[];
}

interface Codec {
  decode(bytes: Uint8Array): SignedRequest;
  encode(request: SignedRequest): { finish(): Uint8Array };
}

const AUTH = { challengeToken: '00', signature: Buffer.of(1) };
const bound = readVectors<BoundVectors>('mgmt-auth-bound');
const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);
const NEAR = '127.0.0.1:4711';
const FAR = '10.0.0.7:4711';
const { methods } = ExecutorManagementServiceDefinition;
const { cases } = readVectors<Vectors>('mgmt-auth');
const bn254 = await loadBn254();
const [vector] = cases;
const secret = fromHex(parseHex(vector?.ecdsa.privateKeyHex ?? ''));
const KEYS = {
  ecdsa: {
    key: { curve: 'ecdsa', address: ecdsaAddress(secret) },
    sign: (digest: Uint8Array) => signEcdsa(secret, digest),
  },
  bn254: {
    key: { curve: 'bn254', publicKey: bn254.derivePublicKey(77n) },
    sign: (digest: Uint8Array) => bn254.sign(77n, digest, 'plain'),
  },
} satisfies Record<string, { key: RegisteredKey; sign: (digest: Uint8Array) => Uint8Array }>;

const request: DeployArtifactRequest = {
  avsAddress: `0x${'a5'.repeat(20)}`,
  digest: `sha256:${'1'.repeat(64)}`,
  registryUrl: 'registry.example/avs',
  env: [{ name: 'A', value: 'b', valueFromEnv: '', kubernetesEnv: undefined }],
  kubernetes: undefined,
  auth: undefined,
};

function world({
  enabled = true,
  bindRequest = false,
  foreignOperator = 'REQUEST_DENIED',
  curve = 'ecdsa',
}: {
  enabled?: boolean | 'absent';
  bindRequest?: boolean;
  foreignOperator?: 'REQUEST_INVALID' | 'REQUEST_DENIED';
  curve?: 'ecdsa' | 'bn254';
} = {}) {
  const clock = manualClock();
  const { key, sign } = KEYS[curve];
  const guard = createManagementGuard({
    authentication: { bindRequest, ...(enabled !== 'absent' && { enabled }) },
    operator: OPERATOR,
    verify: (digest, signature) => verifiesWith(key, digest, signature, bn254),
    foreignOperator,
    clock,
  });
  const callOf = (changes: Partial<DeployArtifactRequest> = {}): SignedCall<DeployArtifactRequest> => ({
    service: ExecutorManagementServiceDefinition,
    method: methods.deployArtifact,
    request: { ...request, ...changes },
  });
  const token = () => guard.issueToken(OPERATOR, NEAR).token;
  /** What a caller sends who signs this call. */
  const signed = (
    challengeToken: string,
    changes: Partial<DeployArtifactRequest> = {},
    bound = bindRequest,
  ) =>
    callOf({
      ...changes,
      auth: {
        challengeToken,
        signature: Buffer.from(sign(keccak256(callerMessage(challengeToken, callOf(changes), bound)))),
      },
    });
  const statusOf = (action: () => unknown) => {
    try {
      action();
      return Status.OK;
    } catch (error) {
      if (!isPonosError(error)) throw error;
      return grpcStatusOf(error);
    }
  };
  return { guard, clock, callOf, token, signed, statusOf };
}

describe('whom a node serves', () => {
  test.each([
    ['absent', NEAR, Status.OK],
    ['absent', '[::1]:4711', Status.OK],
    ['absent', FAR, Status.PERMISSION_DENIED],
    [false, NEAR, Status.OK],
    [false, FAR, Status.OK],
    [true, NEAR, Status.UNAUTHENTICATED],
    [true, FAR, Status.UNAUTHENTICATED],
  ] as const)('default: authentication %s, call from %s', (enabled, peer, expected) => {
    const { guard, callOf, statusOf } = world({ enabled });
    expect(statusOf(() => guard.admit(callOf(), peer))).toBe(expected);
  });

  test.each([
    ['absent', NEAR, Status.UNIMPLEMENTED],
    ['absent', FAR, Status.PERMISSION_DENIED],
    [false, FAR, Status.UNIMPLEMENTED],
  ] as const)('error: authentication %s, from %s: tokens and credentials', (enabled, peer, expected) => {
    const { guard, callOf, statusOf } = world({ enabled });
    const auth = { challengeToken: '', signature: Buffer.alloc(0) };
    expect(statusOf(() => guard.admit(callOf({ auth }), peer))).toBe(expected);
    expect(statusOf(() => guard.issueToken(OPERATOR, peer))).toBe(expected);
    expect(statusOf(() => guard.issueToken('', peer))).toBe(expected);
  });
});

describe('whose token is handed out', () => {
  test.each([
    [OPERATOR, 'REQUEST_DENIED', Status.OK],
    [`0x${'0E'.repeat(20)}`, 'REQUEST_DENIED', Status.OK],
    ['', 'REQUEST_DENIED', Status.INVALID_ARGUMENT],
    [`0x${'0f'.repeat(20)}`, 'REQUEST_DENIED', Status.PERMISSION_DENIED],
    ['me', 'REQUEST_DENIED', Status.PERMISSION_DENIED],
    ['', 'REQUEST_INVALID', Status.INVALID_ARGUMENT],
    [`0x${'0f'.repeat(20)}`, 'REQUEST_INVALID', Status.INVALID_ARGUMENT],
  ] as const)('default: "%s" where others are %s', (address, foreignOperator, expected) => {
    const { guard, statusOf } = world({ foreignOperator });
    expect(statusOf(() => guard.issueToken(address, FAR))).toBe(expected);
  });
});

describe('who may call', () => {
  test.each(['ecdsa', 'bn254'] as const)('default: a token signed with the %s key, once', (curve) => {
    const { guard, token, signed, statusOf } = world({ curve });
    const call = signed(token());
    expect(statusOf(() => guard.admit(call, FAR))).toBe(Status.OK);
    expect(statusOf(() => guard.admit(call, FAR))).toBe(Status.UNAUTHENTICATED);
  });

  test.each(['ecdsa', 'bn254'] as const)('error: nothing that is not a signature of the %s key', (curve) => {
    const { guard, token, signed, callOf, statusOf } = world({ curve });
    const mine = token();
    const good = signed(mine).request.auth;
    if (good === undefined) throw new Error('not signed');
    const otherCurve = curve === 'ecdsa' ? KEYS.bn254 : KEYS.ecdsa;
    const digest = keccak256(callerMessage(mine, callOf(), false));
    const flipped = Buffer.from(good.signature);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    const bad: (Buffer | undefined)[] = [
      undefined,
      Buffer.alloc(0),
      Buffer.alloc(64),
      Buffer.alloc(65, 27),
      Buffer.alloc(1_000, 1),
      Buffer.concat([good.signature, Buffer.of(0)]),
      good.signature.subarray(1),
      flipped,
      Buffer.from(otherCurve.sign(digest)),
      signed(token()).request.auth?.signature,
    ];
    for (const signature of bad) {
      const auth = signature && { challengeToken: mine, signature };
      expect(statusOf(() => guard.admit(callOf({ auth }), FAR))).toBe(Status.UNAUTHENTICATED);
    }
    // None of these attempts has used the token up.
    expect(statusOf(() => guard.admit(callOf({ auth: good }), FAR))).toBe(Status.OK);
  });

  test('error: an expired token, and one of another run of the node', async () => {
    const { guard, clock, token, signed, statusOf } = world();
    const late = signed(token());
    await clock.advance(5 * 60_000);
    expect(statusOf(() => guard.admit(late, FAR))).toBe(Status.UNAUTHENTICATED);
    expect(statusOf(() => guard.admit(signed(world().token()), FAR))).toBe(Status.UNAUTHENTICATED);
  });

  test('behavior: one peer that floods is limited alone', () => {
    const { guard, token, signed, statusOf } = world();
    const wrong = signed(token());
    if (wrong.request.auth) wrong.request.auth.challengeToken = token();
    for (let index = 0; index < 50; index += 1) {
      expect(statusOf(() => guard.admit(wrong, FAR))).toBe(Status.UNAUTHENTICATED);
    }
    expect(statusOf(() => guard.admit(wrong, FAR))).toBe(Status.UNAVAILABLE);
    expect(statusOf(() => guard.admit(signed(token()), NEAR))).toBe(Status.OK);
  });
});

describe('authentication.bindRequest', () => {
  test('default: the signature is good for its own request', () => {
    const { guard, token, signed, statusOf } = world({ bindRequest: true });
    expect(statusOf(() => guard.admit(signed(token()), FAR))).toBe(Status.OK);
  });

  test.each([
    ['another AVS', { avsAddress: `0x${'a6'.repeat(20)}` }],
    ['another digest', { digest: `sha256:${'2'.repeat(64)}` }],
    ['another variable', { env: [{ name: 'A', value: 'c', valueFromEnv: '', kubernetesEnv: undefined }] }],
    ['no variable', { env: [] }],
  ])('error: %s than was signed', (_what, changes) => {
    const { guard, token, signed, statusOf } = world({ bindRequest: true });
    const call = signed(token());
    const changed = { ...call, request: { ...call.request, ...changes } };
    expect(statusOf(() => guard.admit(changed, FAR))).toBe(Status.UNAUTHENTICATED);
  });

  test('error: another method of another service with the same fields', () => {
    const { guard, token, signed, statusOf } = world({ bindRequest: true });
    const call = signed(token());
    const service = { fullName: 'ponos.v1.PerformerService' };
    expect(statusOf(() => guard.admit({ ...call, service }, FAR))).toBe(Status.UNAUTHENTICATED);
    const method = { ...methods.deployArtifact, name: 'ListPerformers' };
    expect(statusOf(() => guard.admit({ ...call, method }, FAR))).toBe(Status.UNAUTHENTICATED);
  });

  test.each([true, false])('error: the other form than is asked for (bindRequest %s)', (bindRequest) => {
    const { guard, token, signed, statusOf } = world({ bindRequest });
    expect(statusOf(() => guard.admit(signed(token(), {}, !bindRequest), FAR))).toBe(Status.UNAUTHENTICATED);
  });

  test.each(bound.cases)('behavior: $fullMethod is signed as recorded', (recorded) => {
    const [, serviceName, methodName] = recorded.fullMethod.split('/');
    const service = [ExecutorManagementServiceDefinition, AggregatorManagementServiceDefinition].find(
      ({ fullName }) => fullName === serviceName,
    );
    const method = [
      ...Object.values(methods),
      ...Object.values(AggregatorManagementServiceDefinition.methods),
    ]
      .filter((each) => each.name === methodName)
      .find((each) => 'auth' in each.requestType.decode(Buffer.alloc(0)));
    if (service === undefined || method === undefined) throw new Error('no such method');
    const { decode, encode } = method.requestType as unknown as Codec;
    // Whatever is in the auth field has no part in it.
    const sent = { ...decode(fromHex(parseHex(recorded.requestBytes))), auth: AUTH };
    const message = callerMessage(
      recorded.token,
      { service, method: { name: method.name, requestType: { encode } }, request: sent },
      true,
    );
    expect(toHex(message)).toBe(recorded.message);
    expect(toHex(keccak256(message))).toBe(recorded.digest);
    expect(toHex(signEcdsa(fromHex(parseHex(bound.privateKeyHex)), keccak256(message)))).toBe(
      recorded.signature,
    );
  });
});

describe('the form of public clients', () => {
  test.each(cases)(
    'behavior: token $challengeToken signed by a public client',
    ({ challengeToken, ecdsa, bn254: bls }) => {
      const message = callerMessage(challengeToken, world().callOf(), false);
      const blsKey: RegisteredKey = {
        curve: 'bn254',
        publicKey: bn254.derivePublicKey(BigInt(bls.privateKeyHex)),
      };
      const digest = keccak256(message);
      expect(verifiesWith(blsKey, digest, fromHex(parseHex(bls.signature)), bn254)).toBe(true);
      const ecdsaKey: RegisteredKey = { curve: 'ecdsa', address: parseAddress(ecdsa.address) };
      expect(verifiesWith(ecdsaKey, digest, fromHex(parseHex(ecdsa.signature)), bn254)).toBe(true);
    },
  );
});
