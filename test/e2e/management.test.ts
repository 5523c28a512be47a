/** Running nodes, managed from the command line as their operator does, with tokens and without. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BuiltDevnet, buildDevnet, type NodeSeat } from '../support/built-devnet.js';
import { type PonosResult, type RunningPonos, runPonos, startPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const SECRET = 'a-licence-that-nobody-reads';
const EXECUTORS_OWN = 'a-secret-of-the-executor';
let devnet: BuiltDevnet;
let folder: TemporaryFolder;
let executor: NodeSeat;
let aggregator: NodeSeat;
let nodes: RunningPonos[];
let avs: string;

const configOf = (seat: NodeSeat) => path.join(seat.folder, 'node.yaml');
const env = (more: NodeJS.ProcessEnv = {}) => ({ HOME: folder.path, TMPDIR: folder.path, ...more });
const on = (
  seat: NodeSeat,
  role: string,
  args: readonly string[],
  more?: NodeJS.ProcessEnv,
): Promise<PonosResult> => runPonos([role, ...args, '--config', configOf(seat)], { env: env(more) });

async function succeed(seat: NodeSeat, role: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await on(seat, role, args);
  if (code !== 0) throw new Error(`ponos ${role} ${args.join(' ')} ended with code ${code}: ${stderr}`);
  return stdout;
}

/** The performers of the executor, as `list` shows them. */
async function listed(): Promise<{ performerId: string; status: string }[]> {
  return JSON.parse(await succeed(executor, 'executor', 'list', '--json'));
}

/** One that was replaced is there until it has ended: nobody who deploys waits for that. */
async function onlyPerformer(): Promise<string> {
  let performers: Awaited<ReturnType<typeof listed>> = [];
  await until('a single performer is there', async () => {
    performers = await listed();
    return performers.length === 1;
  });
  expect(performers).toMatchObject([
    { status: 'InService', resourceHealthy: true, applicationHealthy: true },
  ]);
  return performers[0]?.performerId ?? '';
}

beforeAll(async () => {
  folder = await temporaryFolder();
  devnet = await buildDevnet(1);
  executor = await devnet.seat('executor-1', (config) => {
    Object.assign(config, { authentication: { enabled: true, bindRequest: true } });
    const [performer] = config.avsPerformers ?? [];
    if (performer === undefined) throw new Error('the executor has no performer');
    avs = performer.avsAddress;
    performer.command = [
      '/bin/sh',
      '-c',
      'echo "COLOUR $COLOUR LICENCE $LICENCE OWN $OWN"; [ -z "$WAIT" ] || sleep "$WAIT"; exec "$@"',
      'say',
      ...(performer.command ?? []),
    ];
  });
  aggregator = await devnet.seat('aggregator', (config) => {
    Object.assign(config, { authentication: { enabled: true } });
  });
  nodes = [
    executor.start({ OWN_SECRET: EXECUTORS_OWN }, { limitMs: 240_000 }),
    aggregator.start({}, { limitMs: 240_000 }),
  ];
  await Promise.all([nodes[0]?.logged('executor is serving'), nodes[1]?.logged('aggregator is watching')]);
}, 120_000);

afterAll(async () => {
  for (const node of nodes ?? []) node.kill('SIGTERM');
  const codes = await Promise.all((nodes ?? []).map(({ ended }) => ended));
  await executor?.remove();
  await aggregator?.remove();
  await devnet?.close();
  await folder?.remove();
  expect(codes.map(({ code }) => code)).toEqual([0, 0]);
  // Neither node has logged a secret that a call has brought.
  for (const { stdout, stderr } of codes) {
    for (const secret of [SECRET, EXECUTORS_OWN]) expect(stdout + stderr).not.toContain(secret);
  }
}, 60_000);

describe('ponos executor', () => {
  test('default: another version is deployed, and told of', async () => {
    const former = await onlyPerformer();
    const args = [
      'deploy',
      avs,
      '--env',
      'COLOUR=green',
      '--env',
      'LICENCE',
      '--env-from',
      'OWN=OWN_SECRET',
      '--progress',
    ];
    const { code, stdout, stderr } = await on(executor, 'executor', args, { LICENCE: SECRET });
    expect([
      code,
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ]).toEqual([0, ['start', 'health', 'promote']]);
    expect(stdout).toMatch(
      /^performer process-\d+ is in service, until this node restarts: the values of COLOUR, LICENCE came with the call and are not kept\. Give .* \(deployment [0-9a-f]{16}\)\n$/,
    );

    const present = await onlyPerformer();
    expect(present).not.toBe(former);
    expect(stdout).toContain(present);
    const logs = await succeed(executor, 'executor', 'logs', present);
    expect(logs).toMatch(
      new RegExp(`^\\S+Z ${present} COLOUR green LICENCE \\[redacted\\] OWN \\[redacted\\]$`, 'm'),
    );
    expect(await succeed(executor, 'executor', 'logs', '--avs', avs)).toContain(`${former} COLOUR  LICENCE`);

    const history = JSON.parse(await succeed(executor, 'executor', 'history', '--json'));
    expect(history).toMatchObject([
      { number: 2, outcome: 'in-service', performerId: present },
      { number: 1, outcome: 'removed', performerId: former, reason: 'replaced by another deployment' },
    ]);
    const text = await succeed(executor, 'executor', 'history', '--avs', avs);
    expect(text).toMatch(/ removed +replaced by another deployment\n$/);
    for (const secret of [SECRET, EXECUTORS_OWN])
      expect(logs + text + JSON.stringify(history)).not.toContain(secret);
  });

  test('error: what cannot be deployed leaves what is in service', async () => {
    const former = await onlyPerformer();
    const unset = await on(executor, 'executor', ['deploy', avs, '--env-from', 'X=NOT_SET']);
    expect([unset.code, unset.stdout]).toEqual([1, '']);
    expect(unset.stderr).toMatch(
      /^ponos: the node refuses: the performer's variable X comes from NOT_SET, which is not set/,
    );
    const image = await on(executor, 'executor', ['deploy', avs, '--image', 'my-avs:v2']);
    expect([image.code, image.stderr]).toEqual([
      1,
      expect.stringContaining('are processes: no image can be deployed'),
    ]);
    expect(await onlyPerformer()).toBe(former);
  });

  test('behavior: what is printed is followed until Ctrl-C, which is no failure', async () => {
    const following = startPonos(
      ['executor', 'logs', '--follow', '--tail', '0', '--config', configOf(executor)],
      {
        env: env(),
        leadsGroup: true,
      },
    );
    // Whether it follows yet is not told: it is deployed until it shows.
    let isShown = false;
    const shown = following.printed('COLOUR blue').then(() => {
      isShown = true;
    });
    while (!isShown) {
      await succeed(executor, 'executor', 'deploy', avs, '--env', 'COLOUR=blue');
      await Promise.race([shown, new Promise((resolve) => setImmediate(resolve))]);
    }
    following.interrupt();
    const { code, stderr } = await following.ended;
    expect([code, stderr]).toEqual([0, '']);
  });

  test('behavior: Ctrl-C ends the waiting for a deployment, and removing it ends the deployment', async () => {
    const former = await onlyPerformer();
    const args = [
      'executor',
      'deploy',
      avs,
      '--env',
      'WAIT=300',
      '--progress',
      '--config',
      configOf(executor),
    ];
    const deploying = startPonos(args, { env: env(), leadsGroup: true });
    await deploying.logged('health: ');
    deploying.interrupt();
    const { code, stderr } = await deploying.ended;
    expect([code, stderr]).toEqual([130, expect.stringContaining('the deployment goes on')]);

    const second = await on(executor, 'executor', ['deploy', avs]);
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringContaining('another performer of this AVS is being'),
    ]);
    const staged = (await listed()).find(({ status }) => status === 'Staged');
    await succeed(executor, 'executor', 'remove', staged?.performerId ?? '');
    expect(await onlyPerformer()).toBe(former);
  });

  test('error: without the key of the node', async () => {
    const address = `127.0.0.1:${executor.config.managementServerGrpcPort ?? executor.config.grpcPort}`;
    const run = (...more: string[]) =>
      runPonos(['executor', 'list', '--address', address, ...more], { env: env() });
    const anonymous = await run();
    expect([anonymous.code, anonymous.stdout]).toEqual([1, '']);
    expect(anonymous.stderr).toMatch(/^ponos: the node refuses: a management call needs a challenge token/);
    expect(anonymous.stderr).toContain('  → Give --config FILE of the node');

    const { operator } = executor.config;
    const { ecdsa, bls } = operator.signingKeys as {
      ecdsa?: { privateKey: string };
      bls?: { keystoreFile: string; password: string };
    };
    const file = path.join(folder.path, 'signing_ecdsa.pri');
    const password = path.join(folder.path, 'password');
    fs.writeFileSync(file, ecdsa?.privateKey ?? '', { mode: 0o600 });
    fs.writeFileSync(password, bls?.password ?? '', { mode: 0o600 });
    const key = ecdsa
      ? ['--key-file', file]
      : ['--key-file', bls?.keystoreFile ?? '', '--password-file', password];
    const named = await run(...key, '--operator', operator.address, '--bind-request');
    expect([named.code, named.stderr]).toEqual([0, '']);
    // The peers' form is another signature.
    const unbound = await run(...key, '--operator', operator.address);
    expect([unbound.code, unbound.stderr]).toEqual([
      1,
      expect.stringContaining('of this token, method and request'),
    ]);
  });

  test('default: a performer is removed, and its AVS has none; another one is deployed for it', async () => {
    const former = await onlyPerformer();
    expect(await succeed(executor, 'executor', 'remove', former)).toBe(`performer ${former} is removed\n`);
    expect(await succeed(executor, 'executor', 'list')).toBe('no performers\n');
    const again = await on(executor, 'executor', ['remove', former]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('no performer of this id')]);
    const history = JSON.parse(await succeed(executor, 'executor', 'history', '--json'));
    expect(history).toContainEqual(
      expect.objectContaining({ performerId: former, outcome: 'removed', reason: 'removed on request' }),
    );
    await succeed(executor, 'executor', 'deploy', avs);
    await onlyPerformer();
  });
});

describe('ponos aggregator', () => {
  test('default: its tasks, what it serves', async () => {
    expect(await succeed(aggregator, 'aggregator', 'tasks')).toBe('no such tasks\n');
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
    const { code, stderr } = await runPonos([...create, '--wait', '--json'], { env: env() });
    expect([code, stderr]).toEqual([0, '']);
    const lines = (await succeed(aggregator, 'aggregator', 'tasks', '--json')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { avsAddress: avs.toLowerCase(), chainId: 31_337 },
    ]);
    expect(await succeed(aggregator, 'aggregator', 'tasks', '--avs', `0x${'1'.repeat(40)}`)).toBe(
      'no such tasks\n',
    );

    expect(await succeed(aggregator, 'aggregator', 'deregister-avs', avs)).toContain('is deregistered');
    const registered = await succeed(
      aggregator,
      'aggregator',
      'register-avs',
      avs,
      '--chain',
      '31337',
      '--chain',
      '31338',
    );
    expect(registered).toContain('is registered on 31337, 31338');
    const unknown = await on(aggregator, 'aggregator', ['register-avs', avs, '--chain', '1']);
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('does not watch chain 1, only 31337, 31338'),
    ]);
  }, 60_000);

  test('error: no node is named, one that is not there, a wrong chain', async () => {
    const nobody = await runPonos(['aggregator', 'tasks'], { env: env() });
    expect([nobody.code, nobody.stderr]).toEqual([
      2,
      expect.stringMatching(/^ponos: no node is named\n {2}→ Give /),
    ]);
    const gone = await runPonos(['aggregator', 'tasks', '--address', '127.0.0.1:1'], { env: env() });
    expect([gone.code, gone.stderr]).toEqual([
      1,
      expect.stringMatching(/^ponos: the node does not answer, or cannot now: /),
    ]);
    const wrong = await on(aggregator, 'aggregator', ['register-avs', avs, '--chain', 'L1']);
    expect(wrong.code).toBe(2);
  });
});
