import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { createPerformerClient, type PerformerClient } from '../../src/performer/client.js';
import { ownedBy } from '../../src/performer/docker-container.js';
import { openDockerRuntime } from '../../src/performer/docker-runtime.js';
import { LABELS } from '../../src/performer/performer-identity.js';
import { startPerformerPool } from '../../src/performer/performer-pool.js';
import type { PerformerResources, PerformerRuntime, PerformerSpec } from '../../src/performer/runtime.js';
import { dockerEngine } from '../support/docker-engine.js';
import { type Bundle, bundle } from '../support/performer-bundle.js';
import { AVS, describePerformerRuntime, secretEnv, TASK_ID } from '../support/performer-contract.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 31337 };
const NETWORK = 'ponos-test-network';
const PROGRAM = { repository: 'ponos-test-program', tag: 'test' };
const EXAMPLE = { repository: 'ponos-test-example', tag: 'test' };
const resources: PerformerResources = { memoryBytes: 512e6, cpus: 2, pids: 100, readOnlyRootfs: false };
const never = new AbortController().signal;

if (engine.available) describe('with a Docker engine', () => withEngine(engine.docker, engine.options));
else describe.skip('with a Docker engine', () => test('skipped', () => undefined));

function withEngine(docker: import('dockerode'), options: import('dockerode').DockerOptions): void {
  const bundles: Bundle[] = [];
  beforeAll(async () => {
    for (const [image, entry] of [
      [PROGRAM, 'test/support/performer-program.ts'],
      [EXAMPLE, 'examples/performer/src/main.ts'],
    ] as const) {
      const made = await bundle(entry);
      bundles.push(made);
      await buildPerformerImage({ docker, bundlePath: made.path, tag: `${image.repository}:${image.tag}` });
    }
  }, 120_000);

  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    expect(await docker.listContainers({ all: true, filters: ownedBy(OWNER) })).toEqual([]);
  });
  afterAll(async () => {
    for (const made of bundles) made.remove();
    for (const { repository, tag } of [PROGRAM, EXAMPLE]) {
      await docker.getImage(`${repository}:${tag}`).remove({ force: true });
    }
  });

  const open = (networkName = '') =>
    openDockerRuntime({
      ...OWNER,
      networkName,
      processEnv: {},
      clock: systemClock,
      logger: silentLogger,
      engine: options,
    });

  async function openOwned(networkName?: string): Promise<PerformerRuntime> {
    const runtime = await open(networkName);
    closers.push(() => runtime.close());
    return runtime;
  }

  function spec(
    env: Readonly<Record<string, string>> = {},
    changes: Partial<PerformerSpec> = {},
  ): PerformerSpec {
    const inContainer = { IN_CONTAINER: 'yes', ...env };
    return { avs: AVS, image: PROGRAM, command: [], env: secretEnv(inContainer), resources, ...changes };
  }

  async function connect(endpoint: string): Promise<PerformerClient> {
    const client = createPerformerClient({ endpoint, maxOutputBytes: 100_000, clock: systemClock });
    closers.push(async () => client.close());
    await client.waitUntilServing(20_000, never);
    return client;
  }

  const run = async (client: PerformerClient, payload: string) =>
    Buffer.from(await client.execute(TASK_ID, Buffer.from(payload), never)).toString('utf8');

  describePerformerRuntime('docker', () => ({ open, spec, outlivesNode: true }));

  describe('a container', () => {
    test('default: is locked down, labelled, and published on loopback only', async () => {
      const instance = await (await openOwned()).deploy(spec(), never);
      expect(instance.id).toMatch(/^avs-performer-[0-9a-f]{6}-[0-9a-f]{12}$/);
      expect(instance.endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
      const { Id, Image, Config, HostConfig, NetworkSettings } = await docker
        .getContainer(instance.id)
        .inspect();
      expect(instance.container).toEqual({ id: Id, imageId: Image });
      expect(HostConfig).toMatchObject({
        Privileged: false,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        PidsLimit: 100,
        Memory: 512e6,
        NanoCpus: 2e9,
        ReadonlyRootfs: false,
      });
      expect(Config.Labels).toMatchObject({
        [LABELS.role]: 'performer',
        [LABELS.operator]: OWNER.operator,
        [LABELS.l1Chain]: '31337',
        [LABELS.avs]: AVS,
      });
      expect(Config.User).toBe('65534:65534');
      expect(NetworkSettings.Ports['8080/tcp']?.map(({ HostIp }) => HostIp)).toEqual(['127.0.0.1']);
    });

    test('behavior: writes nowhere with a read-only root, except to /tmp', async () => {
      const readOnly = spec({}, { resources: { ...resources, readOnlyRootfs: true } });
      const instance = await (await openOwned()).deploy(readOnly, never);
      const client = await connect(instance.endpoint);
      expect(await run(client, 'write /x')).toBe('EROFS');
      expect(await run(client, 'write /tmp/x')).toBe('written');
    });

    test('behavior: one that eats too much memory ends, and the reason is named', async () => {
      const small = spec({}, { resources: { ...resources, memoryBytes: 128 * 1024 * 1024 } });
      const instance = await (await openOwned()).deploy(small, never);
      const client = await connect(instance.endpoint);
      await expect(run(client, 'eat 400')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
      expect((await instance.exited).reason).toBe('ran out of memory');
    });

    test('behavior: joins the named network, made if missing, and publishes nothing', async () => {
      closers.push(() => docker.getNetwork(NETWORK).remove());
      for (let round = 0; round < 2; round += 1) {
        const instance = await (await openOwned(NETWORK)).deploy(spec(), never);
        const info = await docker.getContainer(instance.id).inspect();
        const ip = info.NetworkSettings.Networks[NETWORK]?.IPAddress;
        expect(instance.endpoint).toBe(`${ip}:8080`);
        expect(info.NetworkSettings.Ports['8080/tcp'] ?? []).toEqual([]);
        expect(await run(await connect(instance.endpoint), 'echo hello')).toBe('hello');
        await instance.stop(0);
      }
    });

    test('behavior: what a killed executor left behind is removed, and nothing else', async () => {
      const stranger = await docker.createContainer({
        Image: `${PROGRAM.repository}:${PROGRAM.tag}`,
        Labels: { [LABELS.role]: 'performer', [LABELS.operator]: `0x${'0c'.repeat(20)}` },
      });
      closers.push(() => stranger.remove({ force: true }));
      const orphan = await (await open()).deploy(spec(), never);
      const own = await openOwned();
      const kept = await own.deploy(spec(), never);
      await own.removeOrphans();
      await orphan.exited;
      expect(kept.isSound()).toBe(true);
      await expect(docker.getContainer(orphan.id).inspect()).rejects.toMatchObject({ statusCode: 404 });
      expect((await stranger.inspect()).Id).toBe(stranger.id);
    });

    test('behavior: a container removed behind our back has ended', async () => {
      const instance = await (await openOwned()).deploy(spec(), never);
      await docker.getContainer(instance.id).remove({ force: true });
      expect((await instance.exited).reason).toMatch(/^was (stopped|removed) by somebody else/);
      await instance.stop(0);
    });

    test('error: an image whose registry does not answer is named, and it may work later', async () => {
      const image = { repository: '127.0.0.1:1/no/such', tag: 'v1' };
      const deploy = (await openOwned()).deploy(spec({}, { image }), never);
      await expect(deploy).rejects.toMatchObject({
        code: 'IMAGE_PULL_FAILED',
        kind: 'retryable',
        message:
          'the image 127.0.0.1:1/no/such:v1 is not on this machine, and its registry does not answer as it should',
        advice: expect.stringContaining('pull'),
      });
    });

    test('error: a spec without an image', async () => {
      const deploy = (await openOwned()).deploy(spec({}, { image: undefined }), never);
      await expect(deploy).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    });
  });

  describe('the image of a bundle', () => {
    const tag = `${EXAMPLE.repository}:${EXAMPLE.tag}`;
    const imageId = async () => (await docker.getImage(tag).inspect()).Id;

    test('behavior: is made once, and anew when the bundle changes', async () => {
      const [program, example] = bundles.map((made) => made.path);
      const before = await imageId();
      await buildPerformerImage({ docker, bundlePath: String(example), tag });
      expect(await imageId()).toBe(before);
      await buildPerformerImage({ docker, bundlePath: String(program), tag });
      expect(await imageId()).not.toBe(before);
      await buildPerformerImage({ docker, bundlePath: String(example), tag });
    });

    test('error: a bundle that does not exist', async () => {
      const build = buildPerformerImage({ docker, bundlePath: '/no/such.cjs', tag: 'ponos-test-none:test' });
      await expect(build).rejects.toMatchObject({ code: 'DEVNET_FAILED' });
    });
  });

  describe('the pool', () => {
    test('default: runs the example performer', async () => {
      const pool = await startPerformerPool(
        {
          performers: [{ spec: spec({}, { image: EXAMPLE }), isEssential: true }],
          drainMs: 0,
          runtime: await open(),
          maxOutputBytes: 1000,
          listener: () => undefined,
          clock: systemClock,
          logger: silentLogger,
        },
        never,
      );
      closers.push(() => pool.close(5_000));
      const output = await pool.execute({ avs: AVS, taskId: TASK_ID, payload: Buffer.from('0x0c') }, never);
      expect(Buffer.from(output).toString('utf8')).toBe('0x90');
    });

    test('error: a missing image stops the start and leaves no container', async () => {
      const image = { repository: 'No/Such' };
      const other = parseAddress(`0x${'a6'.repeat(20)}`);
      const start = startPerformerPool(
        {
          performers: [spec(), spec({}, { image, avs: other })].map((each) => ({
            spec: each,
            isEssential: true,
          })),
          drainMs: 0,
          runtime: await open(),
          maxOutputBytes: 1000,
          listener: () => undefined,
          clock: systemClock,
          logger: silentLogger,
        },
        never,
      );
      await expect(start).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
    });
  });
}

describe('without an engine', () => {
  test('error: the network of the host is refused before the engine is asked', async () => {
    const options = {
      ...OWNER,
      networkName: 'host',
      processEnv: {},
      clock: systemClock,
      logger: silentLogger,
    };
    await expect(openDockerRuntime(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('error: one sentence and what to do', async () => {
    const opening = openDockerRuntime({
      ...OWNER,
      networkName: '',
      processEnv: {},
      clock: systemClock,
      logger: silentLogger,
      engine: { socketPath: '/no/such/docker.sock', host: undefined },
    });
    await expect(opening).rejects.toMatchObject({
      code: 'DOCKER_UNAVAILABLE',
      message: 'the Docker engine does not answer; cannot run performers',
      advice: expect.stringContaining('deploymentMode process'),
    });
  });
});
