/** The image and the containers of deploy/, on a real engine: permissions, health, performers, the end. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { parse, stringify } from 'yaml';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { type BuiltDevnet, buildDevnet, type NodeConfig, type Role } from '../support/built-devnet.js';
import { type ComposeService, containerOf, readComposeFile } from '../support/compose-file.js';
import { dockerEngine } from '../support/docker-engine.js';
import { buildNodeImage } from '../support/node-image.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const IMAGE = 'ponos-test-node:test';
const PERFORMER = { repository: 'ponos-test-deployed-performer', tag: 'test' };
const UID = 10001;
const ROLES = ['aggregator', 'executor'] as const;
/** Run in a container: owners and modes below a folder, and what happens to a write beside it. */
const LOOK_AROUND = `
  const fs = require('node:fs'), path = require('node:path');
  const [dir] = process.argv.slice(1);
  for (const name of ['', ...fs.readdirSync(dir, { recursive: true })]) {
    const { uid, mode } = fs.statSync(path.join(dir, name));
    console.log(name === '' ? 'the volume' : 'inside', uid, (mode & 0o777).toString(8));
  }
  try { fs.mkdirSync('/var/lib/ponos/elsewhere'); } catch ({ code }) { console.log('elsewhere', code); }`;
const engine = await dockerEngine();

if (!engine.available) test.skip(`without an engine: ${engine.reason}`, () => undefined);
else {
  const { docker, options } = engine;
  const socket = options.socketPath ?? '/var/run/docker.sock';
  const compose = readComposeFile({
    PONOS_IMAGE: IMAGE,
    DOCKER_SOCKET: socket,
    DOCKER_GROUP_ID: String(fs.statSync(socket).gid),
  });
  const performers = compose.networks.performers?.name ?? '';
  const networkNames: Readonly<Record<string, string>> = { nodes: 'ponos-test-nodes', performers };
  const containers: Docker.Container[] = [];
  let secrets: TemporaryFolder;
  let devnet: BuiltDevnet;
  const forwarders: net.Server[] = [];

  const secretFile = (source: string) =>
    path.join(secrets.path, path.basename(compose.secrets[source]?.file ?? ''));

  async function create(role: Role, changes: Partial<Docker.ContainerCreateOptions> = {}) {
    const service: ComposeService = compose.services[role];
    const networks = service.networks.map((name) => networkNames[name] ?? '');
    const container = await docker.createContainer({
      ...containerOf({ ...service, networks }, secretFile),
      ...changes,
    });
    containers.push(container);
    for (const name of networks.slice(1)) await docker.getNetwork(name).connect({ Container: container.id });
    return container;
  }

  /** Runs a command with everything that the service has. @returns what it printed, and its exit code */
  async function run(role: Role, ...Cmd: string[]) {
    const entry = Cmd[0] === 'node' ? { Entrypoint: ['node'], Cmd: Cmd.slice(1) } : { Cmd };
    const container = await create(role, entry);
    await container.update({ RestartPolicy: { Name: 'no' } });
    await container.start();
    const { StatusCode } = await container.wait();
    return { code: StatusCode, output: await logOf(container) };
  }

  const logOf = async (container: Docker.Container) =>
    (await container.logs({ stdout: true, stderr: true })).toString('utf8');

  function found<T>(value: T | undefined): T {
    if (value === undefined) throw new Error('it is not there');
    return value;
  }

  async function untilHealthy(container: Docker.Container) {
    await until(
      'the container is healthy',
      async () => {
        const { State } = await container.inspect();
        if (!State.Running || State.Restarting) throw new Error(`it has ended: ${await logOf(container)}`);
        return State.Health?.Status === 'healthy';
      },
      LONG_MS,
    );
  }

  /** Containers reach this machine by the gateway of their network, and chains listen on loopback only. */
  async function forwarded(url: string): Promise<string> {
    const { IPAM } = await docker.getNetwork(networkNames.nodes ?? '').inspect();
    const host = IPAM?.Config?.[0]?.Gateway ?? '';
    const target = new URL(url);
    const server = net.createServer((inside) => {
      const outside = net.connect(Number(target.port), '127.0.0.1');
      for (const end of [inside, outside]) end.on('error', () => end.destroy());
      inside.pipe(outside).pipe(inside);
    });
    forwarders.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return `http://${host}:${(server.address() as net.AddressInfo).port}`;
  }

  function writeSecret(source: string, content: string) {
    fs.writeFileSync(secretFile(source), content, { mode: 0o400 });
    fs.chownSync(secretFile(source), UID, UID);
  }

  /** The devnet's configuration of a node, changed as docs/operations.md says. */
  async function writeSecrets(role: Role, node: string, change: (config: NodeConfig) => void) {
    const config: NodeConfig = parse(fs.readFileSync(path.join(devnet.folder, `${node}.yaml`), 'utf8'));
    const { bls } = config.operator.signingKeys;
    writeSecret(`${role}-keystore`, fs.readFileSync(bls?.keystoreFile ?? '', 'utf8'));
    writeSecret(`${role}-password`, `${bls?.password}\n`);
    Object.assign(config.operator.signingKeys, {
      bls: { keystoreFile: './keystore.json', passwordFile: './password' },
    });
    for (const chain of config.chains) chain.rpcUrl = await forwarded(chain.rpcUrl);
    config.storage = { type: 'badger', badger: { dir: `/var/lib/ponos/${role}/badger` } };
    change(config);
    writeSecret(`${role}-config`, stringify(config));
  }

  beforeAll(async () => {
    secrets = await temporaryFolder();
    fs.chmodSync(secrets.path, 0o755);
    for (const name of Object.values(networkNames)) await docker.createNetwork({ Name: name });
    const tag = `${PERFORMER.repository}:${PERFORMER.tag}`;
    [devnet] = await Promise.all([
      buildDevnet(1),
      buildNodeImage(docker, IMAGE),
      buildPerformerImage({ docker, bundlePath: 'dist/example-performer.cjs', tag }),
    ]);
    await writeSecrets('aggregator', 'aggregator', (config) => {
      config.managementServerGrpcPort = 9010;
    });
    await writeSecrets('executor', 'executor-1', (config) => {
      config.grpcPort = 9090;
      const [first] = config.chains;
      config.l1Chain = { rpcUrl: first?.rpcUrl ?? '', chainId: first?.chainId ?? 0 };
      Object.assign(config, { performerNetworkName: performers });
      for (const performer of config.avsPerformers ?? []) {
        delete performer.command;
        Object.assign(performer, { deploymentMode: 'docker', image: PERFORMER });
      }
    });
  }, 120_000);

  afterAll(async () => {
    for (const container of containers)
      await container.remove({ force: true, v: true }).catch(() => undefined);
    for (const name of Object.values(networkNames)) await docker.getNetwork(name).remove();
    for (const name of Object.keys(compose.volumes)) await docker.getVolume(name).remove({ force: true });
    for (const server of forwarders) server.close();
    await devnet?.close();
    await secrets?.remove();
    await engine.close();
  }, 60_000);

  test('default: the image is built of the Dockerfile, for a user of its own, without a nameless volume', async () => {
    const { Config } = await docker.getImage(IMAGE).inspect();
    expect(Config).toMatchObject({
      User: `${UID}:${UID}`,
      Entrypoint: ['ponos'],
      StopSignal: 'SIGTERM',
      Healthcheck: { Test: ['CMD', 'ponos', 'health'] },
    });
    expect(Config.Volumes ?? {}).toEqual({});
  });

  test('default: both roles get healthy, end with 0 when they are told to, and start again on their volumes', async () => {
    const nodes = await Promise.all(ROLES.map((role) => create(role)));
    await Promise.all(nodes.map((node) => node.start()));
    await Promise.all(nodes.map(untilHealthy));
    // The executor, in a container itself, reaches its performer by name; this machine publishes no port of it.
    expect(await logOf(found(nodes[1]))).toMatch(
      /performer in service.*avs-performer-[0-9a-f]{6}-[0-9a-f]{12}/,
    );
    const ofPerformers = { network: [performers], label: ['ponos.avs'] };
    const [performer] = await docker.listContainers({ filters: ofPerformers });
    expect(performer?.Names[0]).toMatch(/^\/avs-performer-/);
    expect(performer?.Ports.filter(({ PublicPort }) => PublicPort !== undefined)).toEqual([]);

    const stop = async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      for (const node of nodes)
        expect((await node.inspect()).State).toMatchObject({ ExitCode: 0, Running: false });
      expect(await docker.listContainers({ all: true, filters: { label: ['ponos.avs'] } })).toEqual([]);
    };
    await stop();
    await Promise.all(nodes.map((node) => node.start()));
    await Promise.all(nodes.map(untilHealthy));
    await stop();
    for (const node of nodes) expect(await logOf(node)).not.toContain('STORE_');
  }, 120_000);

  test('behavior: what is in a volume is for its user alone, and nothing else can be written', async () => {
    const looks = await Promise.all(
      ROLES.map(async (role) => {
        const { code, output } = await run(role, 'node', '-e', LOOK_AROUND, `/var/lib/ponos/${role}/badger`);
        return {
          code,
          lines: output
            .replaceAll(/[^\w \n/]/g, '')
            .trim()
            .split('\n'),
        };
      }),
    );
    for (const { code, lines } of looks) {
      expect([code, lines[0], lines.at(-1)]).toEqual([0, `the volume ${UID} 750`, 'elsewhere EROFS']);
      expect(lines.length).toBeGreaterThan(5);
      for (const line of lines.slice(1, -1)) expect(line).toMatch(new RegExp(`^inside ${UID} [0-7][0-5]0$`));
    }
  }, 60_000);

  test('error: a configuration that cannot work ends a node with 2', async () => {
    const results = await Promise.all(
      ROLES.map((role) => run(role, role, 'run', '--config', '/etc/ponos/password')),
    );
    for (const { code, output } of results)
      expect([code, output]).toEqual([2, expect.stringContaining('ponos: ')]);
  }, 60_000);
}
