/**
 * One run of everything at debug level, with failures: afterwards no secret that it used is in anything that it has
 * printed, logged, stored or shown.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Channel, createChannel, createClient } from 'nice-grpc';
import { toHex, word } from '../../src/base/bytes.js';
import { Secret } from '../../src/base/secret.js';
import { loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { encodeG2 } from '../../src/crypto/bn254/points.js';
import { sealKeystore } from '../../src/crypto/keystore/keystore.js';
import { type CastOperator, createCast } from '../../src/devnet/cast.js';
import { callerMessage } from '../../src/rpc/auth/signed-method.js';
import { ExecutorManagementServiceDefinition as Management } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { createLocalEcdsaSigner } from '../../src/signer/local-signers.js';
import { type BuiltDevnet, buildDevnet, type NodeConfig, type NodeSeat } from '../support/built-devnet.js';
import { type Bundle, bundle } from '../support/performer-bundle.js';
import { type PonosResult, type RunningPonos, runPonos } from '../support/run-ponos.js';
import {
  type Evidence,
  filesBelow,
  findLeaks,
  type NamedSecret,
  secretText,
} from '../support/secret-scan.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { processesOf } from '../support/workplace.js';

const cast = createCast(1);
const [executorOperator] = cast.executors;

/** With what JSON, shells and URLs spell in other ways. */
const TEXTS = {
  aggregatorPassword: 'keystore "of" the\\aggregator: pä$$word',
  executorPassword: 'keystore "of" the\\executor: pä$$word',
  wrongPassword: 'a password that "opens" nothing\\',
  configuredValue: 'licence "from" the configuration\\/+=',
  // Begins with another one, which must not be what is hidden of it.
  longerValue: 'licence "from" the configuration\\/+= and more of it',
  valueFromEnv:
    '-----BEGIN KEY-----\nQ2VydGFpbmx5IGEgc2VjcmV0IG9m\nIHRoZSBleGVjdXRvciBpdHNlbGY=\n-----END KEY-----',
  valueOfCall: 'licence that came "with" a call\\',
  rpcKey: 'access-key-of-the-endpoint-5d1f6a',
  rpcPath: 'access-key-in-the-path-9c4e7b',
} as const;

const secrets: NamedSecret[] = [
  ...Object.entries(TEXTS).map(([name, text]) => secretText(name, text)),
  ...[cast.aggregator, executorOperator].flatMap((operator) =>
    operator === undefined ? [] : keysOf(operator),
  ),
  { name: 'the key of the user', value: cast.user.secret },
];

function keysOf({ name, secret, ecdsaSigning, bn254Secret }: CastOperator): NamedSecret[] {
  return [
    { name: `the account key of ${name}`, value: secret },
    { name: `the ECDSA key of ${name}`, value: ecdsaSigning.secret },
    { name: `the BN254 key of ${name}`, value: word(bn254Secret) },
  ];
}

const evidence: Evidence[] = [];
const take = (name: string, text: string) => evidence.push({ name, content: Buffer.from(text) });

let work: TemporaryFolder;
let devnet: BuiltDevnet;
let program: Bundle;
let aggregator: NodeSeat;
let executor: NodeSeat;
let nodes: RunningPonos[] = [];
let watching: NodeJS.Timeout;
const commandLines = new Set<string>();
const channels: Channel[] = [];

const configOf = (seat: NodeSeat) => path.join(seat.folder, 'node.yaml');

/** Runs a command to its end; what it prints is evidence. */
async function ponos(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<PonosResult> {
  const result = await runPonos(args, {
    cwd: work.path,
    env: { HOME: work.path, TMPDIR: work.path, ...env },
  });
  take(`the output of ponos ${args.slice(0, 3).join(' ')}`, result.stdout + result.stderr);
  return result;
}

async function succeed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ponos(args);
  if (code !== 0) throw new Error(`ponos ${args.join(' ')} ended with code ${code}: ${stderr}`);
  return stdout;
}

/** A keystore and its password, where no scan looks: its user has put them there. */
async function sealed(operator: CastOperator, password: string) {
  const keys = path.join(work.path, 'keys');
  fs.mkdirSync(keys, { recursive: true, mode: 0o700 });
  const bn254 = await loadBn254();
  const keystore = await sealKeystore({
    curve: 'bn254',
    secret: new Secret(word(operator.bn254Secret)),
    publicKey: encodeG2(bn254.derivePublicKey(operator.bn254Secret).g2),
    password: new Secret(password),
    light: true,
  });
  const keystoreFile = path.join(keys, `${operator.name}.json`);
  const passwordFile = path.join(keys, `${operator.name}.password`);
  fs.writeFileSync(keystoreFile, keystore, { mode: 0o600 });
  fs.writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  return { keystoreFile, passwordFile };
}

/** Debug logs, a store, tokens, and endpoints whose URLs hold access keys; the first of them is dead. */
function expose(config: NodeConfig, bls: object): void {
  const withKeys = (url: string) => ({
    rpcUrl: `http://127.0.0.1:1/v2/${TEXTS.rpcPath}`,
    rpcUrls: [`${url}/?key=${TEXTS.rpcKey}`],
  });
  Object.assign(config, {
    debug: true,
    authentication: { enabled: true },
    storage: { type: 'level', level: { dir: './data' } },
    chains: config.chains.map((chain) => ({ ...chain, ...withKeys(chain.rpcUrl) })),
    ...(config.l1Chain && { l1Chain: { ...config.l1Chain, ...withKeys(config.l1Chain.rpcUrl) } }),
  });
  Object.assign(config.operator.signingKeys, { bls });
}

/** Prints all its variables in every way that comes to mind, and is the test program then. */
const TELLS = `
  for (const [name, value] of Object.entries(process.env)) console.log(name + '=' + value);
  console.error(JSON.stringify(process.env));
  console.error(process.env);
  require(process.argv[1]);`;

function withSecrets(config: NodeConfig): void {
  for (const performer of config.avsPerformers ?? []) {
    performer.command = [process.execPath, '-e', TELLS, program.path];
    Object.assign(performer, {
      envs: [
        { name: 'VALUE', value: TEXTS.configuredValue },
        { name: 'LONGER', value: TEXTS.longerValue },
        { name: 'OWN', valueFromEnv: 'OWN_SECRET' },
      ],
    });
  }
}

async function createTask(payload: string, ...more: string[]): Promise<PonosResult> {
  const wanted = ['--devnet', devnet.folder, '--operator-set', '1', '--payload-text', payload, '--json'];
  return ponos(['task', 'create', ...wanted, ...more]);
}

beforeAll(async () => {
  work = await temporaryFolder();
  [devnet, program] = await Promise.all([buildDevnet(1), bundle('test/support/performer-program.ts')]);
  if (executorOperator === undefined) throw new Error('the cast has no executor');
  const aggregatorKeys = await sealed(cast.aggregator, TEXTS.aggregatorPassword);
  const executorKeys = await sealed(executorOperator, TEXTS.executorPassword);
  aggregator = await devnet.seat('aggregator', (config) => expose(config, aggregatorKeys));
  executor = await devnet.seat('executor-1', (config) => {
    expose(config, executorKeys);
    withSecrets(config);
  });
  const folders = [work.path, path.dirname(devnet.folder), aggregator.folder, executor.folder];
  watching = setInterval(() => {
    for (const folder of folders) for (const { command } of processesOf(folder)) commandLines.add(command);
  }, 250);
  nodes = [
    aggregator.start({}, { limitMs: 240_000 }),
    executor.start({ OWN_SECRET: TEXTS.valueFromEnv }, { limitMs: 240_000 }),
  ];
  await Promise.all([nodes[0]?.logged('aggregator is watching'), nodes[1]?.logged('executor is serving')]);
}, 120_000);

afterAll(async () => {
  clearInterval(watching);
  for (const channel of channels) channel.close();
  for (const node of nodes) node.kill('SIGKILL');
  await Promise.all(nodes.map(({ ended }) => ended));
  await aggregator?.remove();
  await executor?.remove();
  await devnet?.close();
  program?.remove();
  await work?.remove();
}, 60_000);

describe('what is done with secrets', () => {
  test('default: tasks that succeed, one whose performer tells a secret, one whose performer crashes', async () => {
    const good = await createTask('echo done', '--wait');
    expect([good.code, good.stderr]).toEqual([0, '']);
    for (const payload of ['fail-env OWN', 'fail-env LONGER']) await createTask(payload);
    const crashing = await createTask(`crash-once ${path.join(work.path, 'crashed')}`, '--wait');
    expect(crashing.code).toBe(0);
    for (const node of nodes) await node.logged('the performer failed: no access with');
    await nodes[1]?.logged('exited with code 9');
  }, 60_000);

  test('default: deployments with a value of the call: one that succeeds, one that fails', async () => {
    const [avs = ''] = executor.config.avsPerformers?.map(({ avsAddress }) => avsAddress) ?? [];
    const deploy = ['executor', 'deploy', avs, '--config', configOf(executor), '--env', 'CALL', '--progress'];
    const env = { CALL: TEXTS.valueOfCall };
    expect((await ponos(deploy, env)).code).toBe(0);
    expect((await ponos([...deploy, '--env', 'AT_START=exit'], env)).code).toBe(1);
    for (const command of ['list', 'logs', 'history']) {
      const shown = await succeed('executor', command, '--config', configOf(executor));
      expect(shown.length).toBeGreaterThan(20);
    }
    expect(await succeed('executor', 'logs', '--config', configOf(executor))).toContain('CALL=[redacted]');
    // What was replaced is there until it has ended.
    await until('a single performer is there', async () => {
      const performers = await succeed('executor', 'list', '--json', '--config', configOf(executor));
      return JSON.parse(performers).length === 1;
    });
    await succeed('executor', 'history', '--json', '--config', configOf(executor));
  }, 60_000);

  test('error: tokens that are used wrongly, rightly, twice and never', async () => {
    const channel = createChannel(`127.0.0.1:${executor.config.grpcPort}`);
    channels.push(channel);
    const client = createClient(Management, channel);
    const operatorAddress = executor.config.operator.address;
    const challenge = async (name: string) => {
      const { challengeToken } = await client.getChallengeToken({ operatorAddress });
      secrets.push(secretText(`the token that is used ${name}`, challengeToken), {
        name: `the token that is used ${name}, as bytes`,
        value: Buffer.from(challengeToken, 'hex'),
      });
      return challengeToken;
    };
    const list = async (challengeToken: string, secret: Uint8Array) => {
      const request = { avsAddress: '', auth: undefined };
      const call = { service: Management, method: Management.methods.listPerformers, request };
      const signer = createLocalEcdsaSigner(new Secret(secret));
      const signature = Buffer.from(await signer.sign(callerMessage(challengeToken, call, false), 'plain'));
      return client.listPerformers({ ...request, auth: { challengeToken, signature } });
    };
    await challenge('never');
    const own = executorOperator?.ecdsaSigning.secret ?? new Uint8Array();
    await expect(list(await challenge('wrongly'), cast.user.secret)).rejects.toThrow('UNAUTHENTICATED');
    const token = await challenge('twice');
    expect((await list(token, own)).performers).toHaveLength(1);
    await expect(list(token, own)).rejects.toThrow('UNAUTHENTICATED');
  });

  test('error: a password that opens nothing, an account without funds, a call that reverts', async () => {
    const password = path.join(work.path, 'keys', 'wrong.password');
    fs.writeFileSync(password, TEXTS.wrongPassword, { mode: 0o600 });
    const passwordFile = { passwordFile: password };
    const shut = await devnet.seat('executor-1', (config) => {
      const { bls } = executor.config.operator.signingKeys;
      expose(config, { ...bls, ...passwordFile });
    });
    const { code, stdout, stderr } = await shut.run();
    expect([code, stderr]).toEqual([1, expect.stringContaining('password')]);
    take('a node with a wrong password', stdout + stderr);
    evidence.push(...filesBelow(shut.folder, (name) => name === 'node.yaml'));
    await shut.remove();

    const reverting = await createTask('0x01', '--operator-set', '99');
    expect(reverting.code).not.toBe(0);

    const { chains } = JSON.parse(await succeed('devnet', 'status', '--dir', devnet.folder, '--json')) as {
      chains: { name: string; url: string }[];
    };
    const l1 = chains.find(({ name }) => name === 'L1')?.url ?? '';
    const balance = (wei: string) =>
      fetch(l1, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'anvil_setBalance',
          params: [cast.aggregator.address, wei],
        }),
      });
    await balance('0x0');
    await createTask('echo poor');
    await nodes[0]?.logged('the account that pays for results is dry');
    await balance(toHex(word(10n ** 20n)));
  }, 60_000);

  test('default: what running nodes show, configurations and new keys', async () => {
    for (const seat of [aggregator, executor]) {
      const role = seat === aggregator ? 'aggregator' : 'executor';
      const config = ['--config', configOf(seat), '--role', role];
      const shown = await succeed('config', 'show', ...config);
      expect(shown).toContain('[redacted]');
      take(`config show of ${role}`, shown);
      await ponos(['config', 'validate', ...config]);
      const port = String(seat.config.managementServerGrpcPort ?? seat.config.grpcPort);
      const node = ['--node', `127.0.0.1:${port}`];
      await succeed('storage', 'stats', ...node);
      await succeed('storage', 'backup', ...node, '--output', path.join(work.path, `${role}.backup`));
      await succeed('storage', 'export', ...node, '--output', path.join(work.path, `${role}.jsonl`));
    }
    for (const { folder } of [aggregator, executor]) evidence.push(...filesBelow(path.join(folder, 'locks')));
    await succeed('aggregator', 'tasks', '--json', '--config', configOf(aggregator));
  }, 60_000);
});

describe('what is left of it', () => {
  test('default: nodes end with 0, and no secret is in anything that they or any command have left', async () => {
    for (const node of nodes) node.kill('SIGTERM');
    const ended = await Promise.all(nodes.map((node) => node.ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    for (const [index, { stdout, stderr }] of ended.entries()) {
      expect(stderr).toContain(' DEBUG ');
      take(`the log of the ${index === 0 ? 'aggregator' : 'executor'}`, stdout + stderr);
    }
    await succeed('storage', 'performers', '--dir', path.join(executor.folder, 'data'), '--json');
    await succeed('storage', 'tasks', 'list', '--dir', path.join(aggregator.folder, 'data'), '--json');

    const isUsers = (name: string) => name === 'node.yaml' || name.startsWith('keys');
    evidence.push(
      ...filesBelow(aggregator.folder, isUsers),
      ...filesBelow(executor.folder, isUsers),
      ...filesBelow(work.path, isUsers),
      // The chains' own logs begin with the accounts of anvil's public phrase, keys included.
      ...filesBelow(path.dirname(devnet.folder), (name) =>
        /^devnet\/(keys\/|L[12]\.log$|[^/]+\.yaml$)/.test(name),
      ),
    );
    expect(commandLines.size).toBeGreaterThan(5);
    take('the list of processes', [...commandLines].join('\n'));

    const names = evidence.map(({ name }) => name);
    for (const part of ['aggregator.backup', 'executor.jsonl', 'data/CURRENT', 'locks/'])
      expect(names.some((name) => name.includes(part))).toBe(true);
    expect(findLeaks(evidence, secrets)).toEqual([]);
  }, 60_000);

  test.each([
    ['as it is', (text: string) => text],
    ['in JSON', (text: string) => JSON.stringify({ text })],
    ['in hex', (text: string) => `0x${Buffer.from(text).toString('hex').toUpperCase()}`],
    ['in base64, behind something', (text: string) => Buffer.from(`user:${text}:x`).toString('base64')],
    ['in a URL', (text: string) => `http://x/?key=${encodeURIComponent(text)}`],
    ['as a buffer', (text: string) => JSON.stringify(Buffer.from(text))],
    ['as an inspected buffer', (text: string) => Buffer.from(text).toString('hex').replaceAll(/../g, '$& ')],
    ['cut in the middle', (text: string) => text.slice(0, text.length / 2 + 1)],
    ['from the middle', (text: string) => text.slice(text.length / 2)],
  ])('error: a secret would have been found %s', (_kind, spell) => {
    const planted = evidence.concat({
      name: 'a log',
      content: Buffer.from(`… ${spell(TEXTS.wrongPassword)} …`),
    });
    expect(findLeaks(planted.slice(-1), secrets)).not.toEqual([]);
  });

  test('error: a key would have been found as a number', () => {
    const secret = executorOperator?.bn254Secret ?? 0n;
    for (const text of [secret.toString(), secret.toString(16), `0x${secret.toString(16).toUpperCase()}`])
      expect(findLeaks([{ name: 'a log', content: Buffer.from(text) }], secrets)).not.toEqual([]);
  });
});
