/** The demo with its performers in containers, on a real engine. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type DockerEngine, dockerEngine } from '../support/docker-engine.js';
import { openWorkplace, type Workplace } from '../support/workplace.js';

const engine = await dockerEngine();
const testWithDocker = engine.available ? test : test.skip;

let workplace: Workplace;
beforeAll(() => {
  workplace = openWorkplace(engine.available ? addressOf(engine) : {});
});
afterAll(async () => {
  await workplace.close();
  await engine.close();
});

/** How the docker command line and the node would be told of an engine that is not the system's. */
function addressOf({ options }: DockerEngine): NodeJS.ProcessEnv {
  return options.socketPath === undefined ? {} : { DOCKER_HOST: `unix://${options.socketPath}` };
}

testWithDocker(
  'behavior: with --docker performers are containers, and none is left',
  async () => {
    if (!engine.available) throw new Error('unreachable: skipped without an engine');
    const demo = workplace.start('demo', '--docker');
    await demo.printed('all nodes are ready');
    const containers = await engine.docker.listContainers();
    const { code, stdout, stderr } = await demo.ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('8 of 8 tasks were verified on chain.');
    const ours = containers.filter(({ Image }) => Image.startsWith('ponos-example-performer'));
    expect(ours).toHaveLength(4);
    // Published on loopback only, never on a public interface.
    expect(ours.flatMap(({ Ports }) => Ports.map(({ IP }) => IP))).toEqual(Array(4).fill('127.0.0.1'));
    const after = await engine.docker.listContainers({ all: true });
    expect(after.filter(({ Image }) => Image.startsWith('ponos-example-performer'))).toEqual([]);
    expect(workplace.leftovers()).toEqual([]);
  },
  120_000,
);
