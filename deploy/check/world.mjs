/** Local chains, and deploy/docker-compose.yml over them: with names, ports and folders that nobody else uses. */
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { ponos, ROOT, run } from './programs.mjs';

const PROJECT = 'ponos-check';
const NETWORK = 'ponos-check-performers';
/** Of the image; the files of secrets must be readable by it. */
const USER = 10001;
/** Listens on 127.0.0.1:<port> in the container of the aggregator: where the devnet says that the executor is. */
const SOCKET = `const net = require('node:net'), [port] = process.argv.slice(1);
net.createServer((near) => {
  const far = net.connect(9090, 'executor');
  for (const end of [near, far]) end.on('error', () => end.destroy()).on('close', () => { near.destroy(); far.destroy(); });
  near.pipe(far).pipe(near);
}).listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));`;

/**
 * @param {{ image: string, performer: string, compose: readonly string[] }} parts the images, and the command of Compose
 */
export async function openWorld({ image, performer, compose }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-check-'));
  const devnet = path.join(folder, 'devnet');
  const override = path.join(folder, 'override.yml');
  const servers = [];
  const socket = socketOfEngine();
  const env = {
    PONOS_IMAGE: image,
    DOCKER_SOCKET: socket,
    DOCKER_GROUP_ID: String(fs.statSync(socket).gid),
    EXECUTOR_PUBLISH: `127.0.0.1:${await freePort()}`,
  };
  const [program, ...words] = compose;
  const files = ['-f', path.join(ROOT, 'deploy', 'docker-compose.yml'), '-f', override];
  const project = [...words, '-p', PROJECT, '--project-directory', folder, ...files];

  const world = {
    devnet,
    /** Of the performers. */
    network: NETWORK,
    /** Runs a command of Compose. */
    compose: (...args) => run(program, [...project, ...args], { env }),
    /** @returns the container of a service, by its id */
    container: async (service) => (await world.compose('ps', '-a', '-q', service)).split('\n')[0] ?? '',
    close: async () => {
      const ends = [
        () => world.compose('down', '-v', '--remove-orphans'),
        () => run('docker', ['network', 'rm', NETWORK]),
        () => ponos('devnet', 'down', '--dir', devnet),
      ];
      for (const end of ends) await end().catch((error) => console.error(error.message));
      for (const server of servers) server.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };

  async function build() {
    await run('docker', ['network', 'create', NETWORK]);
    const ports = ['l1', 'l2', 'executor', 'management'].flatMap((name) => [`--${name}-port`, '0']);
    await ponos('devnet', 'up', '--dir', devnet, '--executors', '1', ...ports);
    const gateway = await run('docker', [
      ...['network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}'],
    ]);
    const reachable = async (chain) => {
      const server = await forwarder(gateway, Number(new URL(chain.rpcUrl).port));
      servers.push(server);
      chain.rpcUrl = `http://${gateway}:${server.address().port}`;
    };
    const aggregator = read('aggregator');
    const executor = read('executor-1');
    for (const chain of aggregator.chains) await reachable(chain);
    const endpoints = new Map(aggregator.chains.map(({ chainId, rpcUrl }) => [chainId, rpcUrl]));
    for (const chain of [executor.l1Chain, ...(executor.chains ?? [])])
      chain.rpcUrl = endpoints.get(chain.chainId);
    const port = executor.grpcPort;
    write('aggregator', { ...aggregator, managementServerGrpcPort: 9010 });
    write('executor', {
      ...executor,
      grpcPort: 9090,
      performerNetworkName: NETWORK,
      avsPerformers: executor.avsPerformers.map(({ command, ...performers }) => ({
        ...performers,
        deploymentMode: 'docker',
        image: { repository: performer.split(':')[0], tag: performer.split(':')[1] },
      })),
    });
    fs.writeFileSync(override, stringify(changes(image, port)));
  }

  const read = (node) => parse(fs.readFileSync(path.join(devnet, `${node}.yaml`), 'utf8'));

  /** The files that docs/operations.md asks for. */
  function write(role, config) {
    const { keystoreFile, password } = config.operator.signingKeys.bls;
    config.operator.signingKeys.bls = { keystoreFile: './keystore.json', passwordFile: './password' };
    config.storage = { type: 'badger', badger: { dir: `/var/lib/ponos/${role}/badger` } };
    fs.mkdirSync(path.join(folder, 'config'), { recursive: true });
    const contents = {
      [`${role}.yaml`]: stringify(config),
      [`${role}-keystore.json`]: fs.readFileSync(keystoreFile, 'utf8'),
      [`${role}-password`]: `${password}\n`,
    };
    for (const [name, content] of Object.entries(contents)) {
      const file = path.join(folder, 'config', name);
      // Only root can give a file away; the folder around it is closed to others either way.
      const isRoot = process.getuid?.() === 0;
      fs.writeFileSync(file, content, { mode: isRoot ? 0o400 : 0o444 });
      if (isRoot) fs.chownSync(file, USER, USER);
    }
  }

  try {
    await build();
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** To the compose file: its own volumes and network of performers, quick health checks, and the executor where the devnet says. */
function changes(image, port) {
  const quick = { healthcheck: { interval: '2s' } };
  const socket = {
    image,
    network_mode: 'service:aggregator',
    depends_on: ['aggregator'],
    entrypoint: ['node', '-e', SOCKET.replaceAll('$', '$$$$'), String(port)],
    healthcheck: { disable: true },
  };
  return {
    services: { aggregator: quick, executor: quick, 'executor-socket': socket },
    networks: { performers: { name: NETWORK, external: true } },
    volumes: {
      'aggregator-data': { name: `${PROJECT}-aggregator` },
      'executor-data': { name: `${PROJECT}-executor` },
    },
  };
}

function socketOfEngine() {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://')) throw new Error(`the engine must be on this machine, not at ${host}`);
  return host.slice('unix://'.length);
}

/** The chains listen on loopback only, and containers reach this machine at the gateway of their network. */
async function forwarder(host, port) {
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const end of [near, far]) end.on('error', () => end.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  return server;
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
