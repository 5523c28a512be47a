/** Nodes with mutual TLS on every port as processes, called by each command, and their certificates renewed meanwhile. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '../../src/devnet/free-ports.js';
import { type BuiltDevnet, buildDevnet, type NodeConfig, type NodeSeat } from '../support/built-devnet.js';
import { createAuthority, type TestAuthority, type TestCertificate } from '../support/certificates.js';
import { type PonosResult, type RunningPonos, runPonos, startPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

let folder: TemporaryFolder;
let authority: TestAuthority;
let devnet: BuiltDevnet;
let executor: NodeSeat;
let aggregator: NodeSeat;
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

beforeAll(async () => {
  folder = await temporaryFolder();
  authority = await createAuthority();
  writeFileSync(file('ca.crt'), authority.cert);
  place('node', await authority.issue({ hosts: ['127.0.0.1', 'node.example'], usages: ['server'] }));
  place('client', await authority.issue({ usages: ['client'] }));
  devnet = await buildDevnet(1);
  const ports = await freePorts(2);
  executor = await devnet.seat('executor-1', (config) => {
    secure(config, ports[0]);
    const [performer] = config.avsPerformers ?? [];
    if (performer === undefined) throw new Error('the executor has no performer');
    avs = performer.avsAddress;
    const say = ['/bin/sh', '-c', 'echo "COLOUR $COLOUR"; exec "$@"', 'say'];
    performer.command = [...say, ...(performer.command ?? [])];
  });
  aggregator = await devnet.seat('aggregator', (config) => secure(config, ports[1]));
  at = {
    tasks: `127.0.0.1:${executor.config.grpcPort}`,
    executor: `127.0.0.1:${ports[0]}`,
    aggregator: `127.0.0.1:${ports[1]}`,
  };
  const limits = { limitMs: 240_000 };
  nodes = [executor.start({}, limits), aggregator.start({}, limits)];
  await Promise.all([nodes[0]?.logged('executor is serving'), nodes[1]?.logged('aggregator is watching')]);
}, 120_000);

afterAll(async () => {
  for (const node of nodes) node.kill('SIGTERM');
  const codes = await Promise.all(nodes.map(({ ended }) => ended));
  await executor?.remove();
  await aggregator?.remove();
  await devnet?.close();
  await folder?.remove();
  expect(codes.map(({ code }) => code)).toEqual([0, 0]);
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
    expect(await onExecutor('history')).toContain('replaced by another deployment');

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
  const create = [
    'task',
    'create',
    '--devnet',
    devnet.folder,
    '--operator-set',
    '1',
    '--payload-text',
    '0x07',
  ];
  const { code, stderr } = await run(...create, '--wait', '--json');
  expect([code, stderr]).toEqual([0, '']);
  const task = JSON.parse(await succeed('aggregator', 'tasks', '--json', ...configOf(aggregator)));
  expect(task).toMatchObject({ status: 'completed' });
}, 60_000);

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
