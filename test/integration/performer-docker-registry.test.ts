import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/base/clock.js';
import { ensureImage } from '../../src/performer/docker-image.js';
import type { DeployProgress, PerformerImage } from '../../src/performer/runtime.js';
import { type DockerEngine, dockerEngine } from '../support/docker-engine.js';
import { type DockerRegistry, startRegistry, whyNoRegistry } from '../support/docker-registry.js';
import {
  type DockerStage,
  dockerStage,
  keepLog,
  type LogLine,
  PROGRAM,
  programSpec,
  runTask,
} from '../support/docker-stage.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const never = new AbortController().signal;
/** An image that is no program, quickly pulled. */
const SMALL_BYTES = 8 * 1024 * 1024;

if (engine.available && whyNoRegistry() === undefined) {
  describe('a registry with a login', () => withRegistry(engine));
} else describe.skip('a registry with a login', () => test('skipped', () => undefined));

function withRegistry({ docker, own }: DockerEngine): void {
  let stage: DockerStage;
  let registry: DockerRegistry;
  let program: PerformerImage;
  let small: PerformerImage;

  beforeAll(async () => {
    stage = await dockerStage(engine as DockerEngine);
    registry = await startRegistry();
    program = await push(`${PROGRAM.repository}:${PROGRAM.tag}`, 'performers/program');
    await importSmall('small:v1');
    small = await push('small:v1', 'small');
  }, 120_000);
  afterEach(async () => {
    expect(await stage.endTest()).toEqual([]);
    for (const { repository, tag, digest } of [program, small]) {
      for (const name of [`${repository}:${tag}`, `${repository}@${digest}`]) await forget(name);
    }
  });
  afterAll(() => registry.close());

  async function importSmall(tag: string): Promise<void> {
    const folder = await temporaryFolder();
    writeFileSync(path.join(folder.path, 'file'), randomBytes(SMALL_BYTES));
    execFileSync('tar', ['-cf', path.join(folder.path, 'x.tar'), '-C', folder.path, 'file']);
    const [repo, version] = tag.split(':');
    const stream = await docker.importImage(createReadStream(path.join(folder.path, 'x.tar')), {
      repo,
      tag: version,
    });
    await followed(stream);
    await folder.remove();
  }

  /** Puts an image into the registry and leaves none of that name here. */
  async function push(local: string, name: string): Promise<PerformerImage> {
    const repository = `${registry.host}/${name}`;
    await docker.getImage(local).tag({ repo: repository, tag: 'v1' });
    const { user: username, password } = registry;
    const pushed = docker.getImage(`${repository}:v1`);
    await followed(await pushed.push({ tag: 'v1', authconfig: { username, password, serveraddress: '' } }));
    const { RepoDigests } = await pushed.inspect();
    const digest = RepoDigests.find((known) => known.startsWith(`${repository}@`))?.split('@')[1];
    for (const each of [local, `${repository}:v1`, `${repository}@${digest}`]) await forget(each);
    return { repository, tag: 'v1', digest };
  }

  async function forget(name: string): Promise<void> {
    await docker
      .getImage(name)
      .remove()
      .catch(() => undefined);
  }

  function followed(stream: NodeJS.ReadableStream): Promise<void> {
    return new Promise((resolve, reject) =>
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve())),
    );
  }

  /** A folder with a config.json, as DOCKER_CONFIG names it. */
  async function dockerConfig(config: unknown): Promise<string> {
    const folder = await temporaryFolder();
    stage.atEnd(() => folder.remove());
    writeFileSync(path.join(folder.path, 'config.json'), JSON.stringify(config));
    return folder.path;
  }

  const login = (password = registry.password) => {
    const auth = Buffer.from(`${registry.user}:${password}`).toString('base64');
    return dockerConfig({ auths: { [registry.host]: { auth } } });
  };

  const tagged = ({ repository, tag }: PerformerImage): PerformerImage => ({ repository, tag });

  test('default: an image is pulled with the login of config.json, and says how far it is', async () => {
    const log: LogLine[] = [];
    const steps: DeployProgress[] = [];
    const runtime = await stage.open({
      processEnv: { DOCKER_CONFIG: await login() },
      logger: keepLog(log),
    });
    const spec = programSpec({}, { image: tagged(program) });
    const instance = await runtime.deploy(spec, never, (step) => steps.push(step));
    expect(await runTask(await stage.connect(instance.endpoint), 'echo pulled')).toBe('pulled');

    const bytes = steps.flatMap(({ layer }) => (layer?.totalBytes ? [layer] : []));
    expect(bytes.length).toBeGreaterThan(1);
    for (const { currentBytes = 0, totalBytes = 0 } of bytes)
      expect(currentBytes).toBeLessThanOrEqual(totalBytes);
    expect(steps.at(-1)?.step).toBe('start');
    const said = log.filter(({ level }) => level !== 'debug').map(({ message }) => message);
    expect(said.slice(0, 1)).toEqual(['pulling the image of a performer']);
    expect(said.at(-1)).toBe('pulled the image of a performer');
    expect(log.at(said.length - 1)?.fields).toMatchObject({ layers: 1, layersDone: 1 });
    expect(JSON.stringify([log, steps])).not.toContain(registry.password);
  });

  test('behavior: by its digest, with a login from a credential helper, that very image is run', async () => {
    const { user, password } = registry;
    const folder = await dockerConfig({ credHelpers: { [registry.host]: 'test' } });
    const answer = JSON.stringify({ ServerURL: registry.host, Username: user, Secret: password });
    writeFileSync(
      path.join(folder, 'docker-credential-test'),
      `#!/bin/sh\n[ "$1" = get ] || exit 9\ncat > ${folder}/asked\ncat <<'END'\n${answer}\nEND\n`,
      { mode: 0o755 },
    );
    const processEnv = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env.PATH}` };
    const runtime = await stage.open({ processEnv });
    const { repository, digest } = program;
    const instance = await runtime.deploy(programSpec({}, { image: { repository, digest } }), never);
    const { Image, Config } = await docker.getContainer(instance.id).inspect();
    expect(Config.Image).toBe(`${repository}@${digest}`);
    expect((await docker.getImage(Image).inspect()).RepoDigests).toEqual([`${repository}@${digest}`]);
    expect(instance.container?.imageId).toBe(Image);
    expect(execFileSync('cat', [path.join(folder, 'asked')]).toString()).toBe(registry.host);
  });

  test('behavior: a long pull is one line every ten seconds, not one for each step of a layer', async () => {
    const log: LogLine[] = [];
    let nowMs = 0;
    // Each line of the engine takes four seconds.
    const clock = { ...systemClock, monotonicMs: () => (nowMs += 4_000) };
    let events = 0;
    await ensureImage(
      docker,
      tagged(small),
      { patient: docker, processEnv: { DOCKER_CONFIG: await login() }, clock, logger: keepLog(log) },
      never,
      () => {
        events += 1;
      },
    );
    const still = log.filter(({ message }) => message === 'still pulling the image of a performer');
    expect(still.length).toBeGreaterThan(0);
    expect(still.length).toBeLessThan(events);
    expect(still[0]?.fields).toMatchObject({ image: `${small.repository}:v1`, layers: 1 });
  });

  describe('what fails is told apart', () => {
    const refused = async (image: PerformerImage, processEnv: Record<string, string>) => {
      const runtime = await stage.open({ processEnv });
      return runtime.deploy(programSpec({}, { image }), never).catch((error: unknown) => error);
    };

    test('error: an unknown image, tag or digest', async () => {
      const DOCKER_CONFIG = await login();
      for (const image of [
        { repository: `${registry.host}/no/such`, tag: 'v1' },
        { repository: small.repository, tag: 'v2' },
        { repository: small.repository, digest: `sha256:${'5'.repeat(64)}` },
      ]) {
        expect(await refused(image, { DOCKER_CONFIG })).toMatchObject({
          code: 'IMAGE_MISSING',
          message: expect.stringMatching(/its registry does not have it/),
        });
      }
    });

    test('error: no login, and a wrong one', async () => {
      for (const folder of [await dockerConfig({}), await login('wrong-password')]) {
        const error = await refused(tagged(small), { DOCKER_CONFIG: folder });
        expect(error).toMatchObject({
          code: 'IMAGE_MISSING',
          message: expect.stringContaining('its registry refuses this login'),
          advice: expect.stringContaining('docker login'),
        });
        expect(String((error as Error).cause)).not.toContain('wrong-password');
      }
    });

    test('error: a disk without room; with room again the same call succeeds', async () => {
      if (own === undefined) return;
      const DOCKER_CONFIG = await login();
      own.disk.fill(1024 * 1024);
      const error = await refused(tagged(small), { DOCKER_CONFIG });
      own.disk.empty();
      expect(error).toMatchObject({
        code: 'IMAGE_PULL_FAILED',
        message: expect.stringContaining('has no room for it'),
      });
      const options = { patient: docker, clock: systemClock, logger: keepLog([]) };
      await ensureImage(
        docker,
        tagged(small),
        { ...options, processEnv: { DOCKER_CONFIG } },
        never,
        undefined,
      );
    });

    test('error: a caller that gives up in the middle of a pull', async () => {
      const runtime = await stage.open({ processEnv: { DOCKER_CONFIG: await login() } });
      const givenUp = new AbortController();
      const deploy = runtime.deploy(
        programSpec({}, { image: tagged(program) }),
        givenUp.signal,
        ({ layer }) => {
          if (layer !== undefined) givenUp.abort();
        },
      );
      await expect(deploy).rejects.toMatchObject({ code: 'ABORTED' });
    });

    test('error: a registry that is down may be up later', async () => {
      await registry.close();
      expect(await refused(tagged(small), { DOCKER_CONFIG: await login() })).toMatchObject({
        code: 'IMAGE_PULL_FAILED',
        message: expect.stringContaining('its registry does not answer as it should'),
      });
    });
  });
}
