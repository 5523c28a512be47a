/** Whatever is wrong around a node ends its start with one sentence and what to do, and leaves nothing behind. */
import fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isRunning } from '../../src/devnet/anvil.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { type BuiltDevnet, buildDevnet, type NodeConfig, type Role } from '../support/built-devnet.js';
import { type PonosResult, runPonos } from '../support/run-ponos.js';
import { isListening, processesOf } from '../support/workplace.js';

const KEYSTORES = fileURLToPath(new URL('../fixtures/vectors/keystores', import.meta.url));
const ROLES: readonly Role[] = ['aggregator', 'executor'];
const STRANGER = '0x00000000000000000000000000000000deadbeef';

let devnet: BuiltDevnet;
/** Chain id 31337 without any contract, and a chain that is neither of the devnet's. */
let empty: Anvil;
let foreign: Anvil;
let taken: Server;
let takenPort = 0;

beforeAll(async () => {
  [devnet, empty, foreign] = await Promise.all([
    buildDevnet(2),
    startAnvil({ chainId: 31337 }),
    startAnvil({ chainId: 1337 }),
  ]);
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  takenPort = typeof address === 'object' && address !== null ? address.port : 0;
}, 60_000);

afterAll(async () => {
  taken?.close();
  await Promise.all([devnet?.close(), empty?.close(), foreign?.close()]);
});

interface WrongInput {
  readonly change: (config: NodeConfig) => void;
  readonly env?: Readonly<Record<string, string>>;
  /** The exit code; default: 1. */
  readonly code?: number;
  readonly says: RegExp;
  /** Absent where the sentence holds the advice itself. */
  readonly advises?: RegExp;
}

const FOR_BOTH: Readonly<Record<string, WrongInput>> = {
  'a wrong keystore password': {
    change: ({ operator }) => bls(operator).password('secret-of-somebody-else'),
    says: /the password does not open the keystore.*\(keystore \/.*_bn254\.json\)$/,
    advises: /Check the password/,
  },
  'a BLS12-381 keystore where BN254 is needed': {
    change: ({ operator }) => bls(operator).keystore('bls381-default.json'),
    says: /the key in the keystore is bls381, and bn254 is needed \(keystore .*bls381-default\.json\)$/,
    advises: /keygen generate --curve-type bn254 --use-keystore/,
  },
  'an Ethereum keystore where BN254 is needed': {
    change: ({ operator }) => bls(operator).keystore('ecdsa-v3-light.json'),
    says: /the key in the keystore is ecdsa, and bn254 is needed/,
    advises: /keygen generate --curve-type bn254 --use-keystore/,
  },
  'a BN254 keystore where ECDSA is needed': {
    change: ({ operator }) => {
      operator.signingKeys.ecdsa = { keystoreFile: path.join(KEYSTORES, 'bn254-light.json'), password: 'p' };
    },
    says: /the key in the keystore is bn254, and ecdsa is needed/,
    advises: /keygen generate --curve-type ecdsa --use-keystore/,
  },
  'a keystore that is not there': {
    change: ({ operator }) => bls(operator).keystore('no-such-file.json'),
    says: /the keystore cannot be read \(file .*no-such-file\.json\)/,
    advises: /Check the path in the configuration/,
  },
  'a damaged keystore': {
    change: ({ operator }) => bls(operator).keystore('bad-json.json'),
    says: /a keystore is not JSON \(keystore .*bad-json\.json\)$/,
    advises: /whole and unchanged/,
  },
  'a number that is no private key': {
    change: ({ operator }) => {
      operator.signingKeys.ecdsa = { privateKey: `0x${'00'.repeat(32)}` };
    },
    says: /operator\.signingKeys\.ecdsa\.privateKey is no private key: .*order of secp256k1/,
    advises: /keygen generate --curve-type ecdsa/,
  },
  'an endpoint of another chain': {
    change: (config) => setL1(config, foreign.url),
    says: /serves another chain \(expected 31337, found 1337\)$/,
    advises: /Correct rpcUrl or chainId/,
  },
  'a chain without the contracts': {
    change: (config) => setL1(config, empty.url),
    says: /there is no \w+ on chain \S+ \(31337\) \(address 0x[0-9a-f]{40}\)$/,
    advises: /rpcUrl leads to the right network, or name the address under overrideContracts\.\w+/,
  },
  'an AVS that the chain does not know': {
    change: (config) => {
      for (const avs of config.avss ?? []) avs.address = STRANGER;
      for (const performer of config.avsPerformers ?? []) performer.avsAddress = STRANGER;
    },
    says: new RegExp(`AVS ${STRANGER} has no registrar`),
    advises: /Check the address of the AVS/,
  },
  'a port that is taken': {
    change: (config) => {
      if (config.grpcPort === undefined) config.managementServerGrpcPort = takenPort;
      else config.grpcPort = takenPort;
    },
    says: /port \d+ is in use/,
    advises: /Stop the process that listens there .*or configure another port/,
  },
  'a file in the place of the storage directory': {
    change: (config) => {
      config.storage = { type: 'level', level: { dir: path.join(devnet.folder, 'aggregator.yaml') } };
    },
    says: /the store cannot be used: a file is in the way of the directory \(dir .*aggregator\.yaml\)/,
    advises: /Set another storage directory/,
  },
  'a storage directory with the state of a Go node': {
    change: (config) => {
      const dir = path.join(devnet.folder, 'badger');
      fs.mkdirSync(dir, { recursive: true });
      fs.writeFileSync(path.join(dir, 'KEYREGISTRY'), '');
      config.storage = { type: 'badger', badger: { dir } };
    },
    says: /holds the state of a Go node, which ponos does not read \(dir .*badger, found KEYREGISTRY\)$/,
    advises: /--accept-fresh-state/,
  },
};

const FOR_EXECUTORS: Readonly<Record<string, WrongInput>> = {
  'no Docker': {
    change: (config) => deploy(config, 'docker'),
    env: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    says: /the Docker engine does not answer; cannot run performers: .*docker\.sock/,
    advises: /Start Docker .*set DOCKER_HOST, or use deploymentMode process/,
  },
  'Kubernetes, outside a cluster': {
    change: (config) => deploy(config, 'kubernetes', {}),
    code: 2,
    says: /this node does not run in a Kubernetes cluster, and kubernetes\.inCluster says that it does$/,
    advises: /Give kubernetes\.kubeConfigPath/,
  },
  'Kubernetes, and an API server that is not there': {
    change: (config) => {
      const kubeConfigPath = path.join(devnet.folder, 'kubeconfig');
      const context = { cluster: 'here', user: 'me' };
      const kubeconfig = {
        clusters: [{ name: 'here', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'me', user: { token: 'secret-access-token' } }],
        contexts: [{ name: 'here', context }],
        'current-context': 'here',
      };
      fs.writeFileSync(kubeConfigPath, JSON.stringify(kubeconfig));
      deploy(config, 'kubernetes', { kubeConfigPath });
    },
    says: /the Kubernetes API server does not answer \(server https:\/\/127\.0\.0\.1:1\): .*ECONNREFUSED/,
    advises: /kubectl get --raw/,
  },
};

const FOR_AGGREGATORS: Readonly<Record<string, WrongInput>> = {
  'an endpoint of another chain, while the other chain is not reached': {
    change: ({ chains }) => {
      for (const chain of chains) chain.rpcUrl = chain.chainId === 31337 ? 'http://127.0.0.1:1' : foreign.url;
    },
    says: /serves another chain \(expected \d+, found 1337\)$/,
    advises: /Correct rpcUrl or chainId/,
  },
};

const CASES: readonly (readonly [string, readonly Role[], WrongInput])[] = [
  ...Object.entries(FOR_BOTH).map(([name, input]) => [name, ROLES, input] as const),
  ...Object.entries(FOR_EXECUTORS).map(([name, input]) => [name, ['executor'], input] as const),
  ...Object.entries(FOR_AGGREGATORS).map(([name, input]) => [name, ['aggregator'], input] as const),
];

/** Also waits for the others when one of them fails: they would start nodes that nobody stops. */
async function allOver(attempts: readonly Promise<void>[]): Promise<void> {
  for (const attempt of await Promise.allSettled(attempts)) {
    if (attempt.status === 'rejected') throw attempt.reason;
  }
}

describe('start of a node', () => {
  test.each(CASES)('error: %s', async (_name, roles, input) => {
    await allOver(roles.map((role) => failToStart(role, input)));
  });

  async function failToStart(
    role: Role,
    { change, env, code = 1, says, advises }: WrongInput,
  ): Promise<void> {
    const node = await devnet.seat(nameOf(role), change);
    try {
      const result = await node.run(env);
      expect(result.code).toBe(code);
      expectOneSentence(result, says, advises);
      for (const secret of [...node.secrets, 'secret-access-token']) {
        expect(result.stderr + result.stdout).not.toContain(secret);
      }
      expect(node.processes()).toEqual([]);
      expect(node.locks()).toEqual([]);
      for (const port of [node.config.grpcPort, node.config.managementServerGrpcPort]) {
        if (port === undefined || port === takenPort) continue;
        expect(await isListening(`127.0.0.1:${port}`)).toBe(false);
      }
    } finally {
      await node.remove();
    }
  }

  test.each(ROLES)('behavior: %s waits for a chain that is not reached, and says so', async (role) => {
    const unreached = 'http://127.0.0.1:1/secret-access-token';
    const node = await devnet.seat(nameOf(role), (config) => setL1(config, unreached));
    try {
      const running = node.start();
      await running.logged('a chain is not reached; the node starts as soon as it is');
      running.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /the JSON-RPC endpoint 127\.0\.0\.1:1 of chain \S+ \(31337\) does not answer: .*ECONNREFUSED/,
      );
      expect(stderr).toMatch(/Check that the node runs, that rpcUrl is right/);
      for (const secret of [...node.secrets, 'secret-access-token']) expect(stderr).not.toContain(secret);
      expect([node.processes(), node.locks()]).toEqual([[], []]);
    } finally {
      await node.remove();
    }
  });

  test('error: a second node with the same key, or with the same storage directory, names the first', async () => {
    const data = path.join(devnet.folder, 'shared-data');
    const useData = (config: NodeConfig) => {
      config.storage = { type: 'level', level: { dir: data } };
    };
    const first = await devnet.seat('executor-1', useData);
    const sameKey = await devnet.seat('executor-1');
    const sameData = await devnet.seat('executor-2', useData);
    const running = first.start();
    try {
      await running.logged('executor is serving');
      const locks = { PONOS_RUNTIME_DIR: path.join(first.folder, 'locks') };
      const byKey = await sameKey.run(locks);
      expect(byKey.code).toBe(1);
      const usesKey = `another process uses the signing key 0x[0-9a-f]+ as executor .*pid ${running.pid}`;
      expectOneSentence(byKey, new RegExp(usesKey), /Stop that process, or give this node signing keys/);

      const byData = await sameData.run(locks);
      expect(byData.code).toBe(1);
      const usesData = `another process uses the storage directory .*pid ${running.pid}`;
      expectOneSentence(
        byData,
        new RegExp(usesData),
        /Stop that process, or give this one another directory/,
      );

      expect(isRunning(running.pid)).toBe(true);
    } finally {
      running.kill('SIGTERM');
      await running.ended;
      await Promise.all([first.remove(), sameKey.remove(), sameData.remove()]);
    }
    expect(fs.existsSync(path.join(data, 'ponos.lock'))).toBe(false);
  });
});

describe('configuration files', () => {
  test.each([
    ['a missing file', undefined, [/the configuration file \S+ cannot be read: ENOENT/]],
    [
      'malformed YAML',
      'operator: [a\nx: {',
      [/has 2 problems:$/, /node\.yaml:2:1: this is neither YAML nor/],
    ],
    [
      'an empty file',
      '',
      [/has \d+ problems:$/, /operator\.address: is missing/, /signingKeys: a signing key/],
    ],
    ['something else', 'just a sentence', [/has \d+ problems?:$/]],
  ])('error: %s', async (_name, text, says) => {
    await allOver(ROLES.map((role) => failToLoad(role, text, says)));
  });

  async function failToLoad(role: Role, text: string | undefined, says: readonly RegExp[]): Promise<void> {
    const node = await devnet.seat(nameOf(role));
    try {
      const file = path.join(node.folder, 'node.yaml');
      if (text === undefined) fs.rmSync(file);
      else fs.writeFileSync(file, text);
      const { code, stderr } = await node.run();
      expect(code).toBe(2);
      const lines = stderr.trimEnd().split('\n');
      expect(lines[0]).toMatch(/^ponos: /);
      expect(lines.slice(-2)).toEqual([
        expect.stringMatching(/^ {2}→ C.*\.$/),
        expect.stringMatching(/^ {2}code: (CONFIG_INVALID|FILE_UNREADABLE)$/),
      ]);
      for (const pattern of says) expect(lines).toContainEqual(expect.stringMatching(pattern));
      expect(stderr).not.toMatch(/\n\s+at /);
    } finally {
      await node.remove();
    }
  }
});

describe('command line', () => {
  test.each([
    [
      'an unknown command',
      'executro start',
      /^ponos: unknown command 'executro'\n\(Did you mean executor\?\)/,
    ],
    ['an unknown sub-command', 'devnet upp', /^ponos: unknown command 'upp'\n\(Did you mean up\?\)/],
    ['an unknown flag', 'executor start --nonsense', /^ponos: unknown option '--nonsense'/],
    [
      'a flag without its value',
      'executor start --config',
      /^ponos: option '--config <file>' argument missing/,
    ],
    [
      'a value that is none',
      'devnet up --l1-port abc',
      /'abc' is invalid. allowed: a whole number from 0 to/,
    ],
    [
      'a task id that is none',
      'task status 0x12',
      /^ponos: <task-id>: a task id must be 0x and 64 hex digits \(found 0x12\)/,
    ],
    [
      'a task id that is none, watched',
      'task watch 0x12',
      /^ponos: <task-id>: a task id must be 0x and 64 hex digits/,
    ],
    [
      'a task id that is none, of a store',
      'storage tasks show 0x12 --dir nowhere',
      /^ponos: <task-id>: a task id must be 0x and 64 hex digits/,
    ],
    [
      'a payload that is none',
      'task create --payload-hex 0x1',
      /^ponos: --payload-hex: expected 0x and an even number of hex digits \(found 0x1\)/,
    ],
    [
      'no configuration',
      'aggregator start',
      /^ponos: no configuration file is named\n {2}→ Give --config FILE/,
    ],
  ])('error: %s', async (_name, args, says) => {
    const { code, stdout, stderr } = await runPonos(args.split(' '));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ['--operator', 'executor list --address 127.0.0.1:1 --key-file key --operator 0x12'],
    ['--avs', 'executor list --avs 0x12 --address 127.0.0.1:1'],
    ['--avs', 'executor logs --avs 0x12 --address 127.0.0.1:1'],
    ['<avs>', 'executor deploy 0x12 --address 127.0.0.1:1'],
    ['--avs', 'aggregator tasks --avs 0x12 --address 127.0.0.1:1'],
    ['<avs>', 'aggregator register-avs 0x12 --chain 1 --address 127.0.0.1:1'],
    ['<avs>', 'aggregator deregister-avs 0x12 --address 127.0.0.1:1'],
    ['--avs', 'release list --avs 0x12 --operator-set 1 --rpc-url http://127.0.0.1:1'],
  ])('error: %s that is no address, before anybody is asked: %s', async (flag, args) => {
    const { code, stdout, stderr } = await runPonos(args.split(' '));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`ponos: ${flag}: an address must be 0x and 40 hex digits (found 0x12)`);
  });

  test('error: a devnet on a port that is taken, or in the folder of a running one', async () => {
    const node = await devnet.seat('executor-1');
    const env = { TMPDIR: node.folder };
    try {
      const up = (dir: string, port: number) =>
        runPonos(['devnet', 'up', '--dir', dir, '--l1-port', '0', '--l2-port', String(port)], { env });
      const onTaken = await up(path.join(node.folder, 'devnet'), takenPort);
      expect(onTaken.code).toBe(1);
      expectOneSentence(onTaken, new RegExp(`port ${takenPort} is taken`), /or choose another port/);
      const second = await up(devnet.folder, 0);
      expect(second.code).toBe(1);
      expectOneSentence(second, /a devnet runs in \S+ already$/, /ponos devnet down/);
      expect(processesOf(node.folder)).toEqual([]);
    } finally {
      await node.remove();
    }
  });
});

/** The error is one line, the advice another, the code the last; beside them only what nodes log. */
function expectOneSentence({ stderr }: PonosResult, says: RegExp, advises: RegExp | undefined): void {
  const isLog = /^\d{4}-\d\d-\d\dT\S+ (INFO|WARN) /;
  const lines = stderr.split('\n').filter((line) => line !== '' && !isLog.test(line));
  const code = lines.pop();
  const [sentence, advice, ...others] = lines;
  expect(sentence).toMatch(/^ponos: /);
  expect(sentence).toMatch(says);
  if (advises === undefined) expect(advice).toBeUndefined();
  else {
    expect(advice).toMatch(/^ {2}→ [A-Z]/);
    expect(advice).toMatch(advises);
  }
  expect(others).toEqual([]);
  expect(code).toMatch(/^ {2}code: [A-Z0-9_]+$/);
}

const nameOf = (role: Role) => (role === 'aggregator' ? role : 'executor-1');

function bls({ signingKeys }: NodeConfig['operator']) {
  const { keystoreFile = '', password = '' } = signingKeys.bls ?? {};
  return {
    password: (text: string) => {
      signingKeys.bls = { keystoreFile, password: text };
    },
    keystore: (name: string) => {
      signingKeys.bls = { keystoreFile: path.join(KEYSTORES, name), password };
    },
  };
}

function setL1({ l1Chain, chains }: NodeConfig, url: string): void {
  for (const chain of [l1Chain, ...chains]) if (chain?.chainId === 31337) chain.rpcUrl = url;
}

function deploy(config: NodeConfig, mode: string, kubernetes?: object): void {
  if (kubernetes !== undefined) config.kubernetes = kubernetes;
  for (const performer of config.avsPerformers ?? []) {
    delete performer.command;
    performer.deploymentMode = mode;
    performer.image = { repository: 'example', tag: 'v1' };
  }
}
