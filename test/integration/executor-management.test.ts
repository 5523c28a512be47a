/** The executor's management services over real gRPC, with an engine that does what the test says. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Channel, type Client, ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { PerformerConfig } from '../../src/config/types.js';
import { ecdsaAddress, recoverEcdsa, signEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { type Deployments, openDeployments } from '../../src/executor/deployments.js';
import { createExecutorManagement } from '../../src/executor/management.js';
import { createPerformerControl } from '../../src/executor/performer-control.js';
import { openPerformerJournal } from '../../src/executor/performer-journal.js';
import { createPerformerService } from '../../src/executor/performer-service.js';
import { listPerformers } from '../../src/operations/executor/list.js';
import { processTerminal } from '../../src/operations/terminal.js';
import { OutputLog } from '../../src/performer/output-log.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import { performerSpec } from '../../src/performer/spec-from-config.js';
import { createManagementGuard } from '../../src/rpc/auth/management-guard.js';
import { callerMessage, type SignedCall, type SignedRequest } from '../../src/rpc/auth/signed-method.js';
import {
  DeployArtifactRequest,
  ExecutorManagementServiceDefinition as Management,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  type DeployEvent,
  PerformerServiceDefinition as Performers,
} from '../../src/rpc/generated/ponos/v1/performers.js';
import { type GrpcServer, startGrpcServer } from '../../src/rpc/server.js';
import { createPerformerOrderStore } from '../../src/store/executor-performer-orders.js';
import type { PerformerRecord } from '../../src/store/executor-performer-records.js';
import { createPerformerStore } from '../../src/store/executor-performers.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { type LogLine, recordingLogger } from '../support/recording-logger.js';
import { type ScriptedRuntime, scriptedRuntime } from '../support/scripted-runtime.js';
import { until } from '../support/until.js';

const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);
const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OTHER = parseAddress(`0x${'0b'.repeat(20)}`);
const SECRET = new Uint8Array(32).fill(5);
const DIGEST = `sha256:${'1a'.repeat(32)}`;

const configured: PerformerConfig = {
  avsAddress: AVS,
  processType: 'server',
  deploymentMode: 'docker',
  image: { repository: 'my-avs', tag: 'v1' },
  command: [],
  envs: [{ name: 'COLOUR', value: new Secret('blue') }],
  resources: { memory: 5e8, cpus: 1, pids: 64, readOnlyRootfs: true },
};

interface World {
  readonly runtime: ScriptedRuntime;
  readonly pool: PerformerPool;
  readonly deployments: Deployments;
  readonly output: OutputLog;
  readonly server: GrpcServer;
  readonly channel: Channel;
  readonly management: Client<typeof Management>;
  readonly performers: Client<typeof Performers>;
  /** What the store says beyond what happened here. */
  readonly strays: PerformerRecord[];
  /** What deployments have logged. */
  readonly lines: LogLine[];
}

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => closeWorld(world));

async function openWorld(
  authentication: { enabled?: boolean; bindRequest: boolean } = { bindRequest: false },
): Promise<World> {
  const runtime = scriptedRuntime();
  const store = createMemoryStore();
  const kept = createPerformerStore(store);
  const journal = await openPerformerJournal({ store: kept, logger: silentLogger });
  const pool = await startPerformerPool(
    {
      performers: [{ spec: performerSpec(configured, {}), isEssential: true }],
      runtime,
      maxOutputBytes: 1_000,
      drainMs: 1_000,
      listener: journal.listener,
      clock: systemClock,
      logger: silentLogger,
    },
    new AbortController().signal,
  );
  const control = createPerformerControl({
    pool,
    orders: createPerformerOrderStore(store),
    configured: [configured],
    mode: 'docker',
    processEnv: { OUR_KEY: 'sesame' },
    clock: systemClock,
  });
  const lines: LogLine[] = [];
  const deployments = openDeployments(control, recordingLogger(lines));
  const output = new OutputLog();
  const strays: PerformerRecord[] = [];
  const address = ecdsaAddress(SECRET);
  const guard = createManagementGuard({
    authentication,
    operator: OPERATOR,
    verify: (digest, signature) => recoverEcdsa(digest, signature) === address,
    foreignOperator: 'REQUEST_DENIED',
    clock: systemClock,
  });
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      {
        definition: Management,
        implementation: createExecutorManagement({
          guard,
          control,
          deployments,
          storedPerformers: async () => {
            await journal.written();
            return [...(await kept.performers()), ...strays];
          },
          logger: silentLogger,
        }),
      },
      {
        definition: Performers,
        implementation: createPerformerService({
          guard,
          deployments,
          output,
          storedDeployments: () => journal.written().then(kept.deployments),
        }),
      },
    ],
    logger: silentLogger,
  });
  const channel = createChannel(`127.0.0.1:${server.port}`);
  const management = createClient(Management, channel);
  const performers = createClient(Performers, channel);
  return { runtime, pool, deployments, output, server, channel, management, performers, strays, lines };
}

async function closeWorld({ channel, deployments, server, pool }: World): Promise<void> {
  channel.close();
  await deployments.close();
  await server.close(0);
  await pool.close(0);
}

const deployRequest = (changes: Partial<DeployArtifactRequest> = {}): DeployArtifactRequest => ({
  ...DeployArtifactRequest.decode(Buffer.alloc(0)),
  avsAddress: AVS,
  registryUrl: 'my-avs',
  digest: DIGEST,
  ...changes,
});

async function statusOf(call: Promise<unknown> | AsyncIterable<unknown>): Promise<[Status, string]> {
  try {
    if (Symbol.asyncIterator in call) for await (const _each of call);
    else await call;
    return [Status.OK, ''];
  } catch (error) {
    if (error instanceof ClientError) return [error.code, error.details];
    throw error;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function statuses(): Promise<string[]> {
  const { performers } = await world.management.listPerformers({ avsAddress: '' });
  return performers.map(({ performerId, status }) => `${performerId} ${status}`);
}

/** Resolves when the list is so. */
async function untilListed(...expected: string[]): Promise<void> {
  await until(
    `the list is ${expected.join(', ')}`,
    async () => (await statuses()).join() === expected.join(),
  );
}

/** A deployment that does not come to its end by itself. */
async function stageAnother(signal?: AbortSignal) {
  world.runtime.state.serves = false;
  const deploying = world.management
    .deployArtifact(deployRequest(), { signal })
    .catch((error: unknown) => error);
  await untilListed('instance-1 InService', 'instance-2 Staged');
  return deploying;
}

describe('DeployArtifact', () => {
  test('default: another version comes into service, and the former one goes', async () => {
    const env = [
      { name: 'COLOUR', value: 'green', valueFromEnv: '', kubernetesEnv: undefined },
      { name: 'KEY', value: '', valueFromEnv: 'OUR_KEY', kubernetesEnv: undefined },
    ];
    const response = await world.management.deployArtifact(deployRequest({ env }));
    expect(response).toMatchObject({
      success: true,
      // COLOUR's value is known to nobody after a restart, KEY's is.
      message: expect.stringMatching(
        /^performer instance-2 is in service, until this node restarts: the values of COLOUR came with the call and are not kept\. Give valueFromEnv/,
      ),
    });
    expect(world.lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('a restart of this node takes it out of service'),
        fields: expect.objectContaining({ avs: AVS, performer: 'instance-2', variables: 'COLOUR' }),
      }),
    ]);
    expect(JSON.stringify([response.message, world.lines])).not.toMatch(/green|sesame/);
    expect(response.deploymentId).toMatch(/^[0-9a-f]{16}$/);
    const { spec } = world.runtime.newest();
    expect(spec.image).toEqual({ repository: 'my-avs', digest: DIGEST });
    expect([...spec.env].map(([name, value]) => [name, value.reveal()])).toEqual([
      ['COLOUR', 'green'],
      ['KEY', 'sesame'],
    ]);
    await untilListed('instance-2 InService');
  });

  test('default: for an AVS that had none', async () => {
    await world.management.deployArtifact(
      deployRequest({ avsAddress: OTHER, registryUrl: 'other:v1', digest: '' }),
    );
    await untilListed('instance-1 InService', 'instance-2 InService');
  });

  test('error: a second one meanwhile; it disturbs the first one as little as a caller that hangs up', async () => {
    const caller = new AbortController();
    world.runtime.state.serves = false;
    const first = world.management.deployArtifact(deployRequest(), { signal: caller.signal });
    const hungUp = expect(first).rejects.toThrow();
    await untilListed('instance-1 InService', 'instance-2 Staged');
    for (const call of [
      () => world.management.deployArtifact(deployRequest()),
      () => world.performers.watchDeploy(deployRequest()),
    ]) {
      const [status, message] = await statusOf(call());
      expect(status).toBe(Status.ALREADY_EXISTS);
      expect(message).toMatch(/^another performer of this AVS is being deployed/);
    }
    caller.abort();
    await hungUp;
    world.runtime.newest().setServing(true);
    await untilListed('instance-2 InService');
  });

  test('error: one that fails says why, with its last words, and the former one stays', async () => {
    world.runtime.state.serves = false;
    const deploying = statusOf(world.management.deployArtifact(deployRequest()));
    await untilListed('instance-1 InService', 'instance-2 Staged');
    await world.runtime.newest().crash('exited with code 4');
    const [status, message] = await deploying;
    expect(status).toBe(Status.FAILED_PRECONDITION);
    expect(message).toMatch(/exited with code 4/);
    expect(message).toMatch(/last words of instance-2|output of instance-2/);
    await untilListed('instance-1 InService');
  });

  test('error: no engine, no image', async () => {
    world.runtime.state.failure = new PonosError('DOCKER_UNAVAILABLE', { message: 'no engine' });
    expect((await statusOf(world.management.deployArtifact(deployRequest())))[0]).toBe(Status.UNAVAILABLE);
    const facts = { image: 'my-avs' };
    world.runtime.state.failure = new PonosError('IMAGE_MISSING', { message: 'no image', facts });
    expect(await statusOf(world.management.deployArtifact(deployRequest()))).toEqual([
      Status.FAILED_PRECONDITION,
      'no image (image my-avs)',
    ]);
    await untilListed('instance-1 InService');
  });

  test.each([
    [
      'a variable of our environment that is not set',
      { value: '', valueFromEnv: 'NOT_SET' },
      Status.FAILED_PRECONDITION,
      /comes from NOT_SET, which is not set/,
    ],
    [
      'two sources of a variable',
      { value: 'x', valueFromEnv: 'OUR_KEY' },
      Status.INVALID_ARGUMENT,
      /^env: A must have one of/,
    ],
  ])('error: %s; nothing is started', async (_what, source, expected, text) => {
    const env = [{ name: 'A', kubernetesEnv: undefined, ...source }];
    const [status, message] = await statusOf(world.management.deployArtifact(deployRequest({ env })));
    expect(status).toBe(expected);
    expect(message).toMatch(text);
    expect(world.runtime.instances).toHaveLength(1);
  });

  test.each([
    [{ avsAddress: 'x' }, /^avs_address: /],
    [{ digest: 'x' }, /^digest: /],
    [{ digest: '' }, /^digest is empty/],
    [
      { kubernetes: { serviceAccountName: 'my-avs' } },
      /^kubernetes: the performers of this node run in mode docker, and have no service account/,
    ],
  ])('error: %o', async (changes, text) => {
    for (const call of [
      () => world.management.deployArtifact(deployRequest(changes)),
      () => world.performers.watchDeploy(deployRequest(changes)),
    ]) {
      const [status, message] = await statusOf(call());
      expect(status).toBe(Status.INVALID_ARGUMENT);
      expect(message).toMatch(text);
    }
  });

  test('error: a node that stops gives deployments up, and says so', async () => {
    const deploying = stageAnother();
    await untilListed('instance-1 InService', 'instance-2 Staged');
    await world.deployments.close();
    const error = await deploying;
    expect(error instanceof ClientError && error.code).toBe(Status.UNAVAILABLE);
    await untilListed('instance-1 InService');
  });
});

describe('WatchDeploy', () => {
  test('default: the steps as they happen, and the response at last', async () => {
    const events = await collect<DeployEvent>(world.performers.watchDeploy(deployRequest()));
    expect(events.map(({ step }) => step).slice(-3)).toEqual(['health', 'promote', '']);
    expect(events.at(-1)?.response).toMatchObject({
      success: true,
      message: 'performer instance-2 is in service',
    });
    expect(events.slice(0, -1).every(({ response }) => response === undefined)).toBe(true);
  });

  test('behavior: a caller that hangs up ends its own wait only', async () => {
    world.runtime.state.serves = false;
    const caller = new AbortController();
    const watching = statusOf(world.performers.watchDeploy(deployRequest(), { signal: caller.signal })).catch(
      (error: unknown) => error,
    );
    await untilListed('instance-1 InService', 'instance-2 Staged');
    caller.abort();
    await watching;
    world.runtime.newest().setServing(true);
    await untilListed('instance-2 InService');
  });
});

describe('ListPerformers', () => {
  test('default: all fields', async () => {
    const { performers } = await world.management.listPerformers({
      avsAddress: AVS.toUpperCase().replace('0X', '0x'),
    });
    expect(performers).toEqual([
      {
        performerId: 'instance-1',
        avsAddress: AVS,
        status: 'InService',
        artifactRegistry: 'my-avs',
        artifactTag: 'v1',
        artifactDigest: '',
        resourceHealthy: true,
        applicationHealthy: true,
        lastHealthCheck: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        containerId: expect.any(String),
        reason: '',
      },
    ]);
  });

  test('default: why one is not in service, on the terminal too', async () => {
    world.runtime.loseEngine();
    await untilListed('instance-1 OutOfService');
    const printed: string[] = [];
    await listPerformers(
      { address: `127.0.0.1:${world.server.port}` },
      { ...processTerminal(), env: {}, print: (text) => printed.push(text) },
    );
    expect(printed.join('\n')).toMatch(
      /^0x(0a){20} +instance-1 +OutOfService .*\n\ninstance-1: (lost with the engine|the engine is gone)$/m,
    );
  });

  test('behavior: of another AVS none; one that only the store has; one of a bad address', async () => {
    expect(await world.management.listPerformers({ avsAddress: OTHER })).toEqual({ performers: [] });
    world.strays.push({
      id: 'avs-performer-1',
      avs: OTHER,
      deploymentId: 'd',
      status: 'InService',
      image: { repository: 'old', digest: DIGEST },
      containerId: 'c0ffee',
      endpoint: '127.0.0.1:1',
      isHealthy: true,
      startedAtMs: 1,
      checkedAtMs: 1_700_000_000_000,
    });
    expect((await world.management.listPerformers({ avsAddress: OTHER })).performers).toEqual([
      {
        performerId: 'avs-performer-1',
        avsAddress: OTHER,
        status: 'running',
        artifactRegistry: 'old',
        artifactTag: '',
        artifactDigest: DIGEST,
        resourceHealthy: false,
        applicationHealthy: false,
        lastHealthCheck: '2023-11-14T22:13:20.000Z',
        containerId: 'c0ffee',
        reason: '',
      },
    ]);
    expect((await statusOf(world.management.listPerformers({ avsAddress: '0x1' })))[0]).toBe(
      Status.INVALID_ARGUMENT,
    );
  });
});

describe('RemovePerformer', () => {
  test('default: it is gone, and gone it is not found', async () => {
    expect(await world.management.removePerformer({ performerId: 'instance-1' })).toEqual({
      success: true,
      message: 'performer instance-1 is removed',
    });
    expect(await statuses()).toEqual([]);
    expect((await statusOf(world.management.removePerformer({ performerId: 'instance-1' })))[0]).toBe(
      Status.NOT_FOUND,
    );
  });

  test('behavior: one that is being deployed; its deployment fails', async () => {
    const deploying = stageAnother();
    await untilListed('instance-1 InService', 'instance-2 Staged');
    // The one in service is about to be replaced.
    expect((await statusOf(world.management.removePerformer({ performerId: 'instance-1' })))[0]).toBe(
      Status.ALREADY_EXISTS,
    );
    await world.management.removePerformer({ performerId: 'instance-2' });
    const error = await deploying;
    expect(error instanceof ClientError && error.code).toBe(Status.FAILED_PRECONDITION);
    expect(await statuses()).toEqual(['instance-1 InService']);
  });

  test('error: no id, an unknown one', async () => {
    expect((await statusOf(world.management.removePerformer({ performerId: '' })))[0]).toBe(
      Status.INVALID_ARGUMENT,
    );
    expect((await statusOf(world.management.removePerformer({ performerId: 'x' })))[0]).toBe(
      Status.NOT_FOUND,
    );
  });
});

describe('Logs and History', () => {
  const print = (performer: string, atMs: number, avs = AVS) =>
    world.output.write({ avs, performer, atMs, line: `line ${atMs}` });

  test('default: the last lines', async () => {
    print('a', 1);
    print('b', 2, OTHER);
    print('a', 3);
    const lines = await collect(
      world.performers.logs({ avsAddress: AVS, performerId: '', tail: 5, follow: false }),
    );
    expect(lines).toEqual([
      { atMs: 1n, avsAddress: AVS, performerId: 'a', line: 'line 1' },
      { atMs: 3n, avsAddress: AVS, performerId: 'a', line: 'line 3' },
    ]);
    expect(await collect(world.performers.logs({ tail: 1, performerId: 'b' }))).toHaveLength(1);
    expect((await statusOf(world.performers.logs({ avsAddress: 'x' })))[0]).toBe(Status.INVALID_ARGUMENT);
  });

  test('behavior: what is printed later, until the caller hangs up', async () => {
    print('a', 1);
    const caller = new AbortController();
    const lines = world.performers
      .logs({ tail: 5, follow: true }, { signal: caller.signal })
      [Symbol.asyncIterator]();
    // It is answered at once, also where nothing is printed.
    expect((await lines.next()).value?.line).toBe('');
    expect((await lines.next()).value?.line).toBe('line 1');
    const next = lines.next();
    print('a', 2);
    expect((await next).value?.line).toBe('line 2');
    const last = lines.next();
    caller.abort();
    await expect(last).rejects.toThrow();
  });

  test('default: what became of each deployment', async () => {
    await world.management.deployArtifact(deployRequest());
    await untilListed('instance-2 InService');
    world.runtime.state.failure = new PonosError('IMAGE_MISSING', { message: 'no image' });
    await statusOf(world.management.deployArtifact(deployRequest({ digest: '', registryUrl: 'my-avs:v3' })));
    const { deployments } = await world.performers.history({ avsAddress: AVS });
    expect(
      deployments.map(({ number, outcome, artifactTag, artifactDigest, reason }) => [
        Number(number),
        outcome,
        artifactTag,
        artifactDigest,
        reason,
      ]),
    ).toEqual([
      [3, 'failed', 'v3', '', 'no image'],
      [2, 'in-service', '', DIGEST, ''],
      [1, 'removed', 'v1', '', 'replaced by another deployment'],
    ]);
    expect((await world.performers.history({ avsAddress: OTHER })).deployments).toEqual([]);
  });
});

describe('with authentication.enabled', () => {
  test.each([false, true])(
    'default: every call takes a token of its own (bindRequest %s)',
    async (bindRequest) => {
      const signed = await openWorld({ enabled: true, bindRequest });
      const { management, performers } = signed;
      const authOf = async <Request extends SignedRequest>(call: SignedCall<Request>) => {
        const { challengeToken, expiresAt } = await management.getChallengeToken({
          operatorAddress: OPERATOR,
        });
        expect(Number(expiresAt) * 1_000).toBeGreaterThan(Date.now() + 290_000);
        const digest = keccak256(callerMessage(challengeToken, call, bindRequest));
        return { challengeToken, signature: Buffer.from(signEcdsa(SECRET, digest)) };
      };
      try {
        const list = { avsAddress: '', auth: undefined };
        const logs = { avsAddress: '', performerId: '', tail: 1, follow: false, auth: undefined };
        const remove = { performerId: 'x', auth: undefined };
        const m = Management.methods;
        const p = Performers.methods;
        const calls = [
          {
            auth: () => authOf({ service: Management, method: m.listPerformers, request: list }),
            send: (auth?: SignedRequest['auth']) => management.listPerformers({ ...list, auth }),
            expected: Status.OK,
          },
          {
            auth: () => authOf({ service: Management, method: m.deployArtifact, request: deployRequest() }),
            send: (auth?: SignedRequest['auth']) => management.deployArtifact({ ...deployRequest(), auth }),
            expected: Status.OK,
          },
          {
            auth: () => authOf({ service: Management, method: m.removePerformer, request: remove }),
            send: (auth?: SignedRequest['auth']) => management.removePerformer({ ...remove, auth }),
            expected: Status.NOT_FOUND,
          },
          {
            auth: () => authOf({ service: Performers, method: p.watchDeploy, request: deployRequest() }),
            send: (auth?: SignedRequest['auth']) => performers.watchDeploy({ ...deployRequest(), auth }),
            expected: Status.OK,
          },
          {
            auth: () => authOf({ service: Performers, method: p.logs, request: logs }),
            send: (auth?: SignedRequest['auth']) => performers.logs({ ...logs, auth }),
            expected: Status.OK,
          },
          {
            auth: () => authOf({ service: Performers, method: p.history, request: list }),
            send: (auth?: SignedRequest['auth']) => performers.history({ ...list, auth }),
            expected: Status.OK,
          },
        ];
        for (const { auth, send, expected } of calls) {
          expect((await statusOf(send()))[0]).toBe(Status.UNAUTHENTICATED);
          const good = await auth();
          expect((await statusOf(send(good)))[0]).toBe(expected);
          expect((await statusOf(send(good)))[0]).toBe(Status.UNAUTHENTICATED);
        }
        expect((await statusOf(management.getChallengeToken({ operatorAddress: '' })))[0]).toBe(
          Status.INVALID_ARGUMENT,
        );
        expect((await statusOf(management.getChallengeToken({ operatorAddress: AVS })))[0]).toBe(
          Status.PERMISSION_DENIED,
        );
      } finally {
        await closeWorld(signed);
      }
    },
  );

  test('error: tokens and credentials while it is off', async () => {
    const auth = { challengeToken: 'ab', signature: Buffer.of(1) };
    expect((await statusOf(world.management.getChallengeToken({ operatorAddress: OPERATOR })))[0]).toBe(
      Status.UNIMPLEMENTED,
    );
    expect((await statusOf(world.management.listPerformers({ auth })))[0]).toBe(Status.UNIMPLEMENTED);
    expect((await statusOf(world.performers.history({ auth })))[0]).toBe(Status.UNIMPLEMENTED);
  });
});
