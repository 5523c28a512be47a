import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { parseAddress } from '../../src/base/brands.js';
import { isPonosError } from '../../src/base/error.js';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { ownedBy } from '../../src/performer/docker-container.js';
import { LABELS } from '../../src/performer/performer-identity.js';
import type { PerformerInstance } from '../../src/performer/runtime.js';
import { type DockerEngine, dockerEngine } from '../support/docker-engine.js';
import {
  containerOf,
  type DockerStage,
  dockerStage,
  hello,
  OWNER,
  PROGRAM,
  programSpec,
  runTask,
  startPool,
} from '../support/docker-stage.js';
import { bundle } from '../support/performer-bundle.js';
import { untilTrue } from '../support/until.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const never = new AbortController().signal;
const OTHER_OPERATOR = { ...OWNER, operator: parseAddress(`0x${'0c'.repeat(20)}`) };
const OTHER_CHAIN = { ...OWNER, l1ChainId: 17_000 };
const PROGRAM_TAG = `${PROGRAM.repository}:${PROGRAM.tag}`;

if (engine.available) {
  const found = engine;
  describe('with a Docker engine', () => withEngine(found));
} else describe.skip('with a Docker engine', () => test('skipped', () => undefined));

function withEngine({ docker, options }: DockerEngine): void {
  let stage: DockerStage;
  beforeAll(async () => {
    stage = await dockerStage(engine as DockerEngine);
  }, 120_000);
  afterEach(async () => {
    expect(await stage.endTest([OWNER, OTHER_OPERATOR, OTHER_CHAIN])).toEqual([]);
  });

  describe('what the engine tells of a container', () => {
    test('behavior: a paused one is not sound until it goes on', async () => {
      const instance = await (await stage.open()).deploy(programSpec(), never);
      const client = await stage.connect(instance.endpoint);
      const container = docker.getContainer(instance.id);
      await container.pause();
      await untilTrue(() => !instance.isSound());
      expect(instance.unsoundness?.()).toBe('its container is paused');
      expect(await client.isServing()).toBe(false);
      await container.unpause();
      await untilTrue(() => instance.isSound());
      expect(instance.unsoundness?.()).toBeUndefined();
    });

    test('behavior: one whose own health check fails is not sound', async () => {
      const image = { repository: 'ponos-test-checked', tag: 'test' };
      const code = "process.exit(+require('fs').existsSync('/dev/shm/sick'))";
      const template = await docker.createContainer({ Image: PROGRAM_TAG });
      const check = JSON.stringify([process.execPath, '-e', code]);
      await template.commit({
        repo: image.repository,
        tag: image.tag,
        changes: `HEALTHCHECK --interval=100ms --retries=1 CMD ${check}`,
      });
      await template.remove();
      stage.atEnd(() => docker.getImage(`${image.repository}:${image.tag}`).remove({ force: true }));
      const instance = await (await stage.open()).deploy(programSpec({}, { image }), never);
      const client = await stage.connect(instance.endpoint);
      expect(instance.isSound()).toBe(true);
      expect(await runTask(client, 'write /dev/shm/sick')).toBe('written');
      await untilTrue(() => !instance.isSound());
      expect(instance.unsoundness?.()).toBe("its image's own HEALTHCHECK fails");
      await untilTrue(() => client.isServing());
    });

    test.each<[string, (container: Docker.Container) => Promise<unknown>, RegExp]>([
      ['stopped', (container) => container.stop({ t: 10 }), /^was stopped by somebody else \(signal 15\)/],
      ['restarted', (container) => container.restart({ t: 10 }), /by somebody else/],
    ])('behavior: one that somebody has %s has ended, and is cleared away', async (_name, act, reason) => {
      const instance = await (await stage.open()).deploy(programSpec(), never);
      await stage.connect(instance.endpoint);
      await act(docker.getContainer(instance.id)).catch(() => undefined);
      expect(await instance.exited).toMatchObject({
        reason: expect.stringMatching(reason),
        cause: 'performer',
      });
      // At once if the engine can; one that is busy with a container is asked again.
      await untilTrue(async () => {
        const found = await docker.listContainers({ all: true, filters: ownedBy(OWNER) });
        return found.length === 0;
      });
    });

    test('behavior: one that is removed behind our back is made anew', async () => {
      const pool = await startPool(await stage.open());
      stage.atEnd(() => pool.close(0));
      const before = String(containerOf(pool));
      await docker.getContainer(before).remove({ force: true });
      await untilTrue(() => pool.list()[0]?.status === 'InService' && containerOf(pool) !== before);
      expect(await hello(pool)).toBe('hello');
    });

    test('behavior: a broken stream of events is opened anew, and what it has missed is seen', async () => {
      const { proxy, runtime } = await stage.openBehindProxy();
      const removed = await runtime.deploy(programSpec(), never);
      const kept = await runtime.deploy(programSpec(), never);
      const mend = proxy.sever();
      await docker.getContainer(removed.id).remove({ force: true });
      mend();
      expect(await removed.exited).toMatchObject({
        reason: 'was removed by somebody else',
        cause: 'performer',
      });
      expect(kept.isSound()).toBe(true);
      await docker.getContainer(kept.id).pause();
      await untilTrue(() => !kept.isSound());
      await docker.getContainer(kept.id).unpause();
    });

    test('error: a program that does not start is told with its last lines', async () => {
      const runtime = await stage.open();
      const { exited } = await runtime.deploy(programSpec({ AT_START: 'exit' }), never).catch(failedStart);
      expect(await exited).toMatchObject({
        reason: 'exited with code 4',
        lastLines: ['cannot start: no licence'],
      });
    });

    test('error: a program that is not in the image is told in the words of the engine', async () => {
      const image = { repository: 'ponos-test-empty', tag: 'test' };
      const template = await docker.createContainer({ Image: PROGRAM_TAG });
      await template.commit({ repo: image.repository, tag: image.tag, changes: 'ENTRYPOINT ["/no/such"]' });
      await template.remove();
      stage.atEnd(() => docker.getImage(`${image.repository}:${image.tag}`).remove({ force: true }));
      const deploy = (await stage.open()).deploy(programSpec({}, { image }), never);
      await expect(deploy).rejects.toMatchObject({
        code: 'PERFORMER_UNAVAILABLE',
        cause: expect.objectContaining({ message: expect.stringContaining('/no/such') }),
      });
    });
  });

  describe('executors that share an engine and a network', () => {
    const owners = [OWNER, OTHER_OPERATOR, OTHER_CHAIN];

    test('default: none touches, or hears of, what is not its own', async () => {
      const networkName = 'ponos-test-shared';
      const runtimes = await Promise.all(owners.map((owner) => stage.open({ ...owner, networkName })));
      const specs = [programSpec(), programSpec({}, { avs: parseAddress(`0x${'a6'.repeat(20)}`) })];
      const instances = await Promise.all(
        runtimes.flatMap((runtime) => specs.map((each) => runtime.deploy(each, never))),
      );
      expect(new Set(instances.map(({ id }) => id)).size).toBe(6);
      expect(new Set(instances.map(({ endpoint }) => endpoint)).size).toBe(6);
      const labels = await docker.getContainer(String(instances[0]?.id)).inspect();
      expect(labels.Config.Labels).toMatchObject({
        [LABELS.operator]: OWNER.operator,
        [LABELS.l1Chain]: String(OWNER.l1ChainId),
      });

      const [first, , others] = [instances[0], instances[1], instances.slice(2)];
      // Another run of the first executor, which knows of none of them.
      const next = await stage.open({ ...OWNER, networkName });
      const { id, avs, container } = others[0] as PerformerInstance;
      const foreign = { id, avs, containerId: container?.id };
      expect(await next.adopt(foreign, programSpec(), never)).toBeUndefined();
      await next.removeOrphans();
      expect(await first?.exited).toMatchObject({ cause: 'performer' });
      for (const instance of others) {
        expect(instance.isSound()).toBe(true);
        expect((await docker.getContainer(instance.id).inspect()).State.Running).toBe(true);
      }
      await Promise.all(runtimes.map((runtime) => runtime.close()));
      await docker.getNetwork(networkName).remove();
    });

    test('behavior: one that is in the network itself reaches them by name', async () => {
      const networkName = 'ponos-test-inside';
      const made = await bundle('test/support/performer-in-network.ts');
      const tag = 'ponos-test-executor:test';
      await buildPerformerImage({ docker, bundlePath: made.path, tag });
      made.remove();
      await docker.createNetwork({ Name: networkName });
      const executor = await docker.createContainer({
        Image: tag,
        User: '0',
        Cmd: [OTHER_OPERATOR.operator, networkName, PROGRAM.repository, PROGRAM.tag],
        HostConfig: {
          NetworkMode: networkName,
          Binds: [`${options.socketPath ?? '/var/run/docker.sock'}:/engine.sock`],
        },
      });
      stage.atEnd(async () => {
        await executor.remove({ force: true });
        await docker.getNetwork(networkName).remove();
        await docker.getImage(tag).remove({ force: true });
      });
      await executor.start();
      await executor.wait();
      const output = (await executor.logs({ stdout: true, stderr: true })).toString('utf8');
      expect(output).toMatch(/avs-performer-[0-9a-f]{6}-[0-9a-f]{12}:8080 says hello/);
    });
  });
}

/** @throws what a start has failed with, unless it is that the program has ended at once */
function failedStart(error: unknown): Pick<PerformerInstance, 'exited'> {
  if (!isPonosError(error, 'PERFORMER_UNAVAILABLE')) throw error;
  const reason = error.message.replace("the performer's container ", '');
  const lastLines = String(error.facts.lastOutput).split(' | ');
  return { exited: Promise.resolve({ reason, cause: 'performer', lastLines }) };
}
