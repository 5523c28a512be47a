/** What became of an executor's performers is told after the node was killed: by executors as their users run them. */
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { LABELS } from '../../src/performer/performer-identity.js';
import type { DeploymentRecord, PerformerRecord } from '../../src/store/executor-performer-records.js';
import { startDevnet, type TestDevnet } from '../support/devnet.js';
import { BN254_SET, type DevnetTasks, openDevnetTasks } from '../support/devnet-tasks.js';
import { type DockerEngine, dockerEngine } from '../support/docker-engine.js';
import {
  type ExecutorNode,
  type ExecutorNodeOptions,
  isStored,
  launchExecutor,
  startExecutorNode,
} from '../support/executor-node.js';
import { bundle } from '../support/performer-bundle.js';
import { runPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const engine = await dockerEngine();
let devnet: TestDevnet;
let tasks: DevnetTasks;
let folder: TemporaryFolder;
let nodes: ExecutorNode[];

beforeAll(async () => {
  devnet = await startDevnet(1);
  tasks = await openDevnetTasks(devnet);
}, 120_000);
afterAll(async () => {
  await tasks?.close();
  await devnet?.close();
  await engine.close();
}, 60_000);
beforeEach(async () => {
  folder = await temporaryFolder();
  nodes = [];
});
afterEach(async () => {
  for (const node of nodes) await node.kill();
  await folder.remove();
});

const storeDir = () => path.join(folder.path, 'store');

async function launch(
  start = startExecutorNode,
  options: Pick<ExecutorNodeOptions, 'config' | 'env'> = {},
): Promise<ExecutorNode> {
  const node = await start({ devnet, folder: folder.path, dir: storeDir(), ...options });
  nodes.push(node);
  return node;
}

async function storage(...args: string[]): Promise<string> {
  const run = await runPonos(['storage', ...args, '--dir', storeDir()], {
    env: { HOME: folder.path, TMPDIR: folder.path },
  });
  if (run.code !== 0) throw new Error(`ponos storage ${args.join(' ')}: ${run.stderr}`);
  return run.stdout;
}

/** What a stopped executor has in its store. */
async function stored(): Promise<{ performers: PerformerRecord[]; deployments: DeploymentRecord[] }> {
  return JSON.parse(await storage('performers', '--json'));
}

/** Has a task done: all that was told before the node served is on the disk then. */
async function answer(node: ExecutorNode, payload: string): Promise<string> {
  const task = await tasks.create('L1', BN254_SET, payload);
  return (await node.submit(await tasks.submission(task, 'L1', node.operator))).output.toString();
}

/** The ids of performers, as the log of a node has them. */
const idsIn = (node: ExecutorNode) =>
  node.lines('performer in service').map((line) => /process-\d+/.exec(line)?.[0]);

/** Resolves when it is on the disk that the performer which came into service last serves; performers do not wait for that. */
function lastIsStored(node: ExecutorNode): Promise<void> {
  const inService = () => RegExp(`"performerId":"${idsIn(node).at(-1)}"[^{}]*"servingFromMs"`);
  return until('what serves is on the disk', () => isStored(storeDir(), inService()), LONG_MS);
}

describe('an executor', () => {
  test('behavior: killed, it has in its store what ran; started again, that it was interrupted', async () => {
    const first = await launch();
    expect(await answer(first, 'echo hello')).toBe('hello');
    await first.kill();
    const before = await stored();
    const [id] = idsIn(first);
    expect(before.performers).toMatchObject([
      { id, status: 'InService', isHealthy: true, endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    ]);
    expect(before.deployments).toMatchObject([{ number: 1, outcome: 'in-service', performerId: id }]);

    const second = await launch();
    expect(second.lines('a performer was not stopped in order')).toEqual([
      expect.stringContaining(String(id)),
    ]);
    expect(await second.stop()).toBe(0);
    const { performers, deployments } = await stored();
    expect(performers).toEqual([]);
    expect(deployments).toEqual([
      expect.objectContaining({ number: 2, outcome: 'removed', reason: 'the node stopped' }),
      {
        ...before.deployments[0],
        outcome: 'interrupted',
        reason: 'the node was interrupted',
        lastHealthyMs: before.performers[0]?.checkedAtMs,
      },
    ]);
    expect(await storage('verify')).toContain('all of them sound');

    const third = await launch();
    expect(third.lines('a performer was not stopped in order')).toEqual([]);
  }, 90_000);

  test('behavior: a performer that crashed is in the history with its last words, whatever happens then', async () => {
    const node = await launch();
    const marker = path.join(folder.path, 'crashed');
    expect(await answer(node, `crash-once ${marker}`)).toBe('recovered');
    await until('another one has come into service', () => idsIn(node).length === 2, LONG_MS);
    await lastIsStored(node);
    await node.kill();
    const { performers, deployments } = await stored();
    const [lost, recovered] = idsIn(node);
    expect(performers).toMatchObject([{ id: recovered }]);
    expect(deployments).toMatchObject([
      { number: 2, outcome: 'in-service', performerId: recovered },
      { number: 1, outcome: 'failed', performerId: lost, reason: 'exited with code 9' },
    ]);
    expect(deployments[1]?.lastLines?.join()).toContain('listening on');
  }, 90_000);

  test('behavior: killed while it deploys, again and again, every deployment is accounted for', async () => {
    const MOMENTS = ['performer in service', 'executor is serving'];
    for (const moment of MOMENTS) {
      const node = await launch(launchExecutor);
      await node.running.logged(moment);
      await lastIsStored(node);
      await node.kill();
    }
    const last = await launch();
    expect(await last.stop()).toBe(0);
    const { performers, deployments } = await stored();
    expect(performers).toEqual([]);
    const [newest, ...earlier] = deployments;
    expect(newest).toMatchObject({ outcome: 'removed' });
    expect(earlier).toHaveLength(MOMENTS.length);
    for (const { outcome } of earlier) expect(outcome).toBe('interrupted');
    const numbers = deployments.map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => numbers.length - index));
  }, 90_000);
});

if (engine.available) describe('an executor whose performers are containers', () => withEngine(engine));
else describe.skip('an executor whose performers are containers', () => test('skipped', () => undefined));

function withEngine({ docker, options }: DockerEngine): void {
  const image = { repository: 'ponos-test-adopted', tag: 'test' };
  const tag = `${image.repository}:${image.tag}`;

  beforeAll(async () => {
    const program = await bundle('test/support/performer-program.ts');
    await buildPerformerImage({ docker, bundlePath: program.path, tag });
    program.remove();
  }, 60_000);
  afterAll(async () => {
    for (const { Id } of await containers()) await docker.getContainer(Id).remove({ force: true });
    await docker.getImage(tag).remove({ force: true });
  });

  const containers = () => docker.listContainers({ filters: { label: [`${LABELS.role}=performer`] } });

  const launchWithContainers = () =>
    launch(startExecutorNode, {
      config: {
        avsPerformers: [
          {
            avsAddress: devnet.state.avs,
            image,
            envs: [{ name: 'IN_CONTAINER', value: 'yes' }],
          },
        ],
      },
      env: options.socketPath === undefined ? {} : { DOCKER_HOST: `unix://${options.socketPath}` },
    });

  test('behavior: killed and started again, it takes its container over; that is told, and in order it is removed', async () => {
    const first = await launchWithContainers();
    expect(await answer(first, 'echo hello')).toBe('hello');
    const [container, ...others] = await containers();
    expect(others).toEqual([]);
    await first.kill();

    const second = await launchWithContainers();
    expect(second.lines('performer adopted')).toHaveLength(1);
    expect(second.lines('a performer was not stopped in order')).toEqual([]);
    expect((await containers()).map(({ Id }) => Id)).toEqual([container?.Id]);
    expect(await answer(second, 'echo again')).toBe('again');
    await second.kill();
    expect((await stored()).deployments).toMatchObject([
      { number: 1, outcome: 'in-service', adoptedAtMs: expect.any(Number) },
    ]);

    // Nobody sees this end.
    await docker.getContainer(container?.Id ?? '').remove({ force: true });
    const third = await launchWithContainers();
    expect(third.lines('performer adopted')).toEqual([]);
    expect(await answer(third, 'echo anew')).toBe('anew');
    expect(await third.stop()).toBe(0);
    expect(await containers()).toEqual([]);
    const { performers, deployments } = await stored();
    expect(performers).toEqual([]);
    expect(deployments).toMatchObject([
      { number: 2, outcome: 'removed', reason: 'the node stopped' },
      { number: 1, outcome: 'interrupted', adoptedAtMs: expect.any(Number) },
    ]);
  }, 120_000);
}
