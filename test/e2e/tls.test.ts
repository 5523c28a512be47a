/**
 * Nodes with TLS on every port as processes: called by each command, their certificates renewed meanwhile, and an
 * aggregator as the client of executors.
 */
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Contract, JsonRpcProvider, Wallet } from 'ethers';
import { freePorts } from '../../src/base/free-ports.js';
import { AVS_REGISTRAR_ADDRESS } from '../../src/devnet/plan.js';
import { type BuiltDevnet, buildDevnet, type NodeConfig, type NodeSeat } from '../support/built-devnet.js';
import { createAuthority, type TestAuthority, type TestCertificate } from '../support/certificates.js';
import { type PonosResult, type RunningPonos, runPonos, startPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

let folder: TemporaryFolder;
let authority: TestAuthority;
let devnet: BuiltDevnet;
let executor: NodeSeat;
let aggregator: NodeSeat;
const seats: NodeSeat[] = [];
let nodes: RunningPonos[] = [];
let avs: string;
let at: { tasks: string; executor: string; aggregator: string };

const file = (name: string) => path.join(folder.path, name);
const configOf = (seat: NodeSeat) => ['--config', path.join(seat.folder, 'node.yaml')];
const flags = (ca = 'ca.crt') => [
  ...['--tls-ca-file', file(ca)],
  ...['--tls-cert-file', file('client.crt'), '--tls-key-file', file('client.key')],
];
const env = () => ({ HOME: folder.path, TMPDIR: folder.path });
const run = (...args: readonly string[]): Promise<PonosResult> => runPonos(args, { env: env() });

async function succeed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  if (code !== 0) throw new Error(`ponos ${args.join(' ')} ended with code ${code}: ${stderr}`);
  return stdout;
}

function place(name: string, { cert, key }: TestCertificate): void {
  writeFileSync(file(`${name}.key`), key, { mode: 0o600 });
  writeFileSync(file(`${name}.crt`), cert);
}

function secure(config: NodeConfig, managementServerGrpcPort: number | undefined): void {
  const caFile = file('ca.crt');
  Object.assign(config, {
    managementServerGrpcPort,
    storage: { type: 'level', level: { dir: file(`store-${managementServerGrpcPort}`) } },
    grpc: {
      tls: { certFile: file('node.crt'), keyFile: file('node.key'), caFile, requireClientCert: true },
      clientTls: { certFile: file('client.crt'), keyFile: file('client.key'), caFile },
    },
  });
}

async function seat(name: string, change: (config: NodeConfig) => void): Promise<NodeSeat> {
  const made = await devnet.seat(name, change);
  seats.push(made);
  return made;
}

async function start(node: NodeSeat, env: Readonly<Record<string, string>> = {}): Promise<RunningPonos> {
  const running = node.start(env, { limitMs: 240_000 });
  nodes.push(running);
  await running.logged(node.config.grpcPort === undefined ? 'aggregator is watching' : 'executor is serving');
  return running;
}

async function stopNodes(): Promise<void> {
  const ending = nodes;
  nodes = [];
  for (const node of ending) node.kill('SIGTERM');
  const results = await Promise.all(ending.map(({ ended }) => ended));
  expect(results.map(({ code }) => code)).toEqual(ending.map(() => 0));
}

const newTask = (...more: string[]) =>
  succeed(
    ...['task', 'create', '--devnet', devnet.folder, '--operator-set', '1', '--payload-text', '0x07'],
    ...more,
  );

beforeAll(async () => {
  folder = await temporaryFolder();
  authority = await createAuthority();
  writeFileSync(file('ca.crt'), authority.cert);
  place('node', await authority.issue({ hosts: ['127.0.0.1', 'node.example'], usages: ['server'] }));
  place('client', await authority.issue({ usages: ['client'] }));
  devnet = await buildDevnet(1);
  const ports = await freePorts(2);
  executor = await seat('executor-1', (config) => {
    secure(config, ports[0]);
    const [performer] = config.avsPerformers ?? [];
    if (performer === undefined) throw new Error('the executor has no performer');
    avs = performer.avsAddress;
    const say = ['/bin/sh', '-c', 'echo "COLOUR $COLOUR"; exec "$@"', 'say'];
    performer.command = [...say, ...(performer.command ?? [])];
  });
  aggregator = await seat('aggregator', (config) => secure(config, ports[1]));
  at = {
    tasks: `127.0.0.1:${executor.config.grpcPort}`,
    executor: `127.0.0.1:${ports[0]}`,
    aggregator: `127.0.0.1:${ports[1]}`,
  };
  await Promise.all([start(executor), start(aggregator)]);
}, 120_000);

afterAll(async () => {
  try {
    await stopNodes();
  } finally {
    for (const { remove } of seats) await remove();
    await devnet?.close();
    await folder?.remove();
  }
}, 60_000);

describe('commands', () => {
  test('default: by the configuration of the node', async () => {
    const [performer] = JSON.parse(await succeed('executor', 'list', '--json', ...configOf(executor)));
    expect(performer).toMatchObject({ status: 'InService' });
    expect(await succeed('aggregator', 'tasks', ...configOf(aggregator))).toBe('no such tasks\n');
    expect(await succeed('health', ...configOf(executor))).toBe('serving\n');
    const stats = ['storage', 'stats', '--json', '--node', at.aggregator, ...configOf(aggregator)];
    expect(JSON.parse(await succeed(...stats))).toMatchObject({ role: 'aggregator' });
  }, 60_000);

  test('default: by flags alone', async () => {
    const onExecutor = (command: string, ...more: string[]) =>
      succeed('executor', command, ...more, '--address', at.executor, ...flags());
    const [performer] = JSON.parse(await onExecutor('list', '--json'));
    expect(performer).toMatchObject({ status: 'InService' });
    expect(await onExecutor('deploy', avs, '--env', 'COLOUR=blue')).toContain('is in service');
    // Whoever deploys does not wait for the end of what is replaced.
    await until('the history tells of the former performer', async () =>
      (await onExecutor('history')).includes('replaced by another deployment'),
    );

    const onAggregator = (command: string, ...more: string[]) =>
      succeed('aggregator', command, ...more, '--address', at.aggregator, ...flags());
    expect(await onAggregator('deregister-avs', avs)).toContain('is deregistered');
    expect(await onAggregator('register-avs', avs, '--chain', '31337')).toContain('is registered on 31337');

    const byName = at.tasks.replace('127.0.0.1', 'localhost');
    const named = [...flags(), '--tls-server-name', 'node.example'];
    expect(await succeed('health', '--address', byName, ...named)).toBe('serving\n');
    const backup = ['storage', 'backup', '--node', at.executor, '--output', file('executor.backup')];
    expect(JSON.parse(await succeed(...backup, '--json', ...flags()))).toMatchObject({ role: 'executor' });
  }, 60_000);

  test('error: each way of failing has a sentence of its own', async () => {
    writeFileSync(file('strange.crt'), (await createAuthority()).cert);
    const failures: [number, string, string[]][] = [
      [1, 'the node speaks TLS on this port', ['executor', 'list', '--address', at.executor]],
      [1, 'the node speaks TLS on this port', ['storage', 'stats', '--node', at.aggregator]],
      [
        1,
        'the certificate of the node is of an authority that is not known here',
        ['aggregator', 'tasks', '--address', at.aggregator, ...flags('strange.crt')],
      ],
      [
        1,
        'the node requires a certificate of its callers',
        ['storage', 'stats', '--node', at.executor, '--tls-ca-file', file('ca.crt')],
      ],
      [
        1,
        'the certificate of the node is not for other.example',
        ['health', ...configOf(executor), '--tls-server-name', 'other.example'],
      ],
      [2, '--tls is for a running node', ['storage', 'stats', '--dir', file('x'), '--tls']],
      [
        2,
        '--no-tls and --tls-ca-file contradict each other',
        ['executor', 'list', ...configOf(executor), '--no-tls', '--tls-ca-file', file('ca.crt')],
      ],
    ];
    const results = await Promise.all(failures.map(([, , args]) => run(...args)));
    expect(results.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual(
      failures.map(([code, sentence]) => [code, '', expect.stringContaining(sentence)]),
    );
  }, 60_000);
});

test('default: an aggregator and an executor work together by mutual TLS', async () => {
  await newTask('--wait');
  // The chain knows of a certificate before the aggregator has written down that it is there.
  await nodes[1]?.logged('task verified');
  const task = JSON.parse(await succeed('aggregator', 'tasks', '--json', ...configOf(aggregator)));
  expect(task).toMatchObject({ status: 'completed' });
}, 60_000);

test.each(['executor-1', 'aggregator'])(
  'behavior: SIGHUP does not end the %s while it starts',
  async (name) => {
    const [port] = await freePorts(1);
    const waiting = await seat(name, (config) => {
      secure(config, undefined);
      config.storage = { type: 'memory' };
      // Nobody is there: the node waits for the chains.
      for (const chain of [...config.chains, ...(config.l1Chain === undefined ? [] : [config.l1Chain])]) {
        chain.rpcUrl = `http://127.0.0.1:${port}`;
      }
    });
    const node = waiting.start();
    await node.logged(' starts ');
    node.kill('SIGHUP');
    await node.logged('a chain is not reached');
    node.kill('SIGHUP');
    node.kill('SIGTERM');
    const { code, stderr } = await node.ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('was stopped before')]);
  },
);

test('behavior: certificates are renewed at SIGHUP, for new connections; what is broken is not used', async () => {
  const following = startPonos(['executor', 'logs', '--follow', '--address', at.executor, ...flags()], {
    env: env(),
    leadsGroup: true,
    limitMs: 60_000,
  });
  await following.printed('COLOUR blue');

  const renewedBy = await createAuthority();
  writeFileSync(file('new-ca.crt'), renewedBy.cert);
  place('node', await renewedBy.issue());
  for (const node of nodes) {
    node.kill('SIGHUP');
    await node.logged('the certificates of grpc.tls are renewed');
  }
  for (const address of [at.executor, at.aggregator]) {
    expect(await succeed('health', '--address', address, ...flags('new-ca.crt'))).toBe('serving\n');
  }
  const before = await run('health', '--address', at.executor, ...flags());
  expect([before.code, before.stderr]).toEqual([1, expect.stringContaining('authority that is not known')]);
  const deploy = ['executor', 'deploy', avs, '--env', 'COLOUR=green', '--address', at.executor];
  await succeed(...deploy, ...flags('new-ca.crt'));
  await following.printed('COLOUR green');
  following.interrupt();
  expect((await following.ended).code).toBe(0);

  const broken = 'the new files of grpc.tls cannot be used; those from before stay';
  writeFileSync(file('node.crt'), '-----BEGIN CERTIFICATE-----\nhalf');
  for (const node of nodes) {
    node.kill('SIGHUP');
    await node.logged(broken);
    const lines = node
      .log()
      .split('\n')
      .filter((line) => line.includes(broken));
    expect(lines).toEqual([expect.stringContaining('grpc.tls.certFile holds no certificate')]);
  }
  for (const address of [at.executor, at.aggregator]) {
    expect(await succeed('health', '--address', address, ...flags('new-ca.crt'))).toBe('serving\n');
  }
}, 90_000);

describe('an aggregator as the client of executors', () => {
  /** Of this machine, and not through its loopback interface. */
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((face) => face?.family === 'IPv4' && !face.internal)?.address;

  const UNKNOWN_AUTHORITY = /UNAVAILABLE.*an authority that is not known here/;
  /** Tasks that nobody can be asked for are given up soon. */
  const shutdown = { graceSeconds: 1 };

  /** What becomes of a call that cannot be made; it is made again, but the reason is told once. */
  const cannotAsk = async (node: RunningPonos, why: RegExp) => {
    const told = () =>
      node
        .log()
        .split('\n')
        .some((line) => line.includes('cannot be asked') && why.test(line));
    await until(`the aggregator says ${why}`, told, LONG_MS);
  };

  /** With the performer of the devnet, whatever was deployed in its place before. */
  async function startExecutor(clients: { caFile?: string; requireClientCert?: boolean }): Promise<void> {
    const tls = { certFile: file('node.crt'), keyFile: file('node.key'), ...clients };
    await start(await seat('executor-1', (config) => Object.assign(config, { grpc: { tls } })));
  }

  /** The socket that the executor publishes on chain. */
  async function publish(socket: string): Promise<void> {
    const { operatorPrivateKey, address } = executor.config.operator;
    const { privateKey } = operatorPrivateKey as { privateKey: string };
    const provider = new JsonRpcProvider(executor.config.l1Chain?.rpcUrl);
    try {
      const abi = ['function updateSocket(address operator, string socket)'];
      const registrar = new Contract(AVS_REGISTRAR_ADDRESS, abi, new Wallet(privateKey, provider));
      const update = registrar.getFunction('updateSocket');
      await (await update(address, socket)).wait();
    } finally {
      provider.destroy();
    }
  }

  // One aggregator at a time: they have one account.
  beforeAll(async () => {
    await stopNodes();
    const hosts = ['127.0.0.1', ...(outside === undefined ? [] : [outside])];
    place('node', await authority.issue({ hosts, usages: ['server'] }));
  }, 60_000);
  afterEach(stopNodes, 60_000);

  test('behavior: mutual TLS with executors: who is of another authority is refused, on either side, until that is mended', async () => {
    const stranger = await createAuthority('stranger');
    writeFileSync(file('executors-ca.crt'), stranger.cert);
    place('caller', await stranger.issue({ usages: ['client'] }));
    const caller = await seat('aggregator', (config) => {
      const [certFile, keyFile, caFile] = ['caller.crt', 'caller.key', 'executors-ca.crt'].map(file);
      Object.assign(config, { shutdown, grpc: { clientTls: { certFile, keyFile, caFile } } });
    });
    await startExecutor({ caFile: file('ca.crt'), requireClientCert: true });
    const node = await start(caller);

    await newTask();
    await cannotAsk(node, UNKNOWN_AUTHORITY);

    writeFileSync(file('executors-ca.crt'), authority.cert);
    node.kill('SIGHUP');
    await cannotAsk(
      node,
      /UNAVAILABLE.*the node (does not accept the certificate|closed the connection .* do not accept a certificate)/,
    );

    place('caller', await authority.issue({ usages: ['client'] }));
    node.kill('SIGHUP');
    await newTask('--wait');
  }, 120_000);

  (outside === undefined ? test.skip : test)(
    'behavior: tlsEnabled: executors on other machines are asked by TLS, if their authority is known',
    async () => {
      const caller = await seat('aggregator', (config) =>
        Object.assign(config, { shutdown, tlsEnabled: true }),
      );
      await publish(`${outside}:${executor.config.grpcPort}`);
      await startExecutor({});

      const ignorant = await start(caller);
      await newTask();
      await cannotAsk(ignorant, UNKNOWN_AUTHORITY);
      ignorant.kill('SIGTERM');
      expect((await ignorant.ended).code).toBe(0);

      await start(caller, { NODE_EXTRA_CA_CERTS: file('ca.crt') });
      await newTask('--wait');
    },
    120_000,
  );
});
