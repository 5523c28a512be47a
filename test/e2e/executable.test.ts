/** The executable is one file: alone in an empty folder, with node and nothing else, it does its work. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { builtExecutable, type PonosResult, startPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

let home: TemporaryFolder;
let executable = '';

beforeAll(async () => {
  home = await temporaryFolder();
  executable = path.join(home.path, 'ponos.cjs');
  fs.copyFileSync(builtExecutable(), executable);
});
afterAll(() => home.remove());

const inHome = (...names: string[]) => path.join(home.path, ...names);

function start(args: readonly string[], env: Record<string, string> = {}, nodeFlags: readonly string[] = []) {
  return startPonos(args, {
    cwd: home.path,
    executable,
    env: { HOME: home.path, TMPDIR: home.path, ...env },
    nodeFlags,
  });
}

function run(...command: Parameters<typeof start>): Promise<PonosResult> {
  return start(...command).ended;
}

async function succeed(...args: string[]): Promise<PonosResult> {
  const result = await run(args);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return result;
}

describe('ponos.cjs alone', () => {
  test('default: tells its version and its commands', async () => {
    const { version } = JSON.parse(fs.readFileSync('package.json', 'utf8'));
    expect((await succeed('--version')).stdout).toBe(`${version}\n`);
    const { stdout } = await succeed('--help');
    for (const command of ['aggregator', 'executor', 'keygen', 'config', 'task', 'devnet']) {
      expect(stdout).toMatch(new RegExp(`^ +${command} `, 'm'));
    }
  });

  test('error: no room for its output', () => {
    const full = fs.openSync('/dev/full', 'w');
    try {
      const command = [executable, 'config', 'init', '--role', 'executor'];
      const { status, stderr } = spawnSync(process.execPath, command, {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/^ponos: standard output cannot be written.*ENOSPC/);
    } finally {
      fs.closeSync(full);
    }
  });

  test.each(['bn254', 'bls381', 'ecdsa'])('behavior: makes, shows and tries a %s key', async (curve) => {
    const flags = ['--curve-type', curve, '--use-keystore', '--light-encryption', '--password', 'p'];
    await succeed('keygen', 'generate', '--output-dir', 'keys', ...flags);
    const keyFile = path.join('keys', `key_${curve}.json`);
    const { stdout } = await succeed('keygen', 'info', '--key-file', keyFile, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ curve });
    const tried = await succeed('keygen', 'test', '--key-file', keyFile, '--password', 'p', '--json');
    expect(JSON.parse(tried.stdout)).toMatchObject({ curve, signature: 'verified' });
  });

  test('behavior: writes, checks and describes configurations', async () => {
    fs.writeFileSync(inHome('node.yaml'), executorConfig({ type: 'memory' }), { mode: 0o600 });
    expect((await succeed('config', 'validate', '--config', 'node.yaml')).stdout).toMatch(/is a valid conf/);
    expect((await succeed('config', 'show', '--config', 'node.yaml')).stdout).toContain('grpcPort: 9090');
    const schema = JSON.parse((await succeed('config', 'schema', '--role', 'executor')).stdout);
    expect(Object.keys(schema.properties)).toContain('avsPerformers');
    await succeed('config', 'init', '--role', 'aggregator', '--output', 'starter.yaml');
    expect(fs.readFileSync(inHome('starter.yaml'), 'utf8')).toContain('avss:');
  });

  test('behavior: opens LevelDB, whose native part it carries, and keeps that beside the data', async () => {
    const config = executorConfig({ type: 'level', level: { dir: inHome('data') } });
    fs.writeFileSync(inHome('level.yaml'), config, { mode: 0o600 });
    const running = start(['executor', 'start', '--config', 'level.yaml']);
    // The store is opened before the chain is reached for, which is not there.
    await running.logged('a chain is not reached');
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    expect(fs.readdirSync(inHome('data'))).toContain('CURRENT');
    expect(fs.readdirSync(inHome('data', '.lib'))).toEqual([
      expect.stringMatching(/^classic-level-.*\.node$/),
    ]);
  });
});

describe('what is loaded', () => {
  /** What ethers, Docker's client and gRPC cannot do without. `net` is loaded for pipes, too. */
  const NETWORK = ['http', 'https', 'http2', 'tls', 'dns', 'zlib', 'worker_threads'];

  /** Built-in modules of the network that a command has loaded by its end. */
  async function loadedBy(...args: string[]): Promise<string[]> {
    fs.writeFileSync(
      inHome('list-modules.cjs'),
      `process.on('exit', () => require('node:fs').writeFileSync('modules.json', JSON.stringify(process.moduleLoadList)));`,
    );
    await run(args, {}, ['--require', './list-modules.cjs']);
    const loaded: string[] = JSON.parse(fs.readFileSync(inHome('modules.json'), 'utf8'));
    return NETWORK.filter((name) => loaded.includes(`NativeModule ${name}`));
  }

  test.each([['--help'], ['--version'], ['executor --help'], ['devnet up --help'], ['no-such-command']])(
    'default: nothing of the network for `ponos %s`',
    async (args) => {
      expect(await loadedBy(...args.split(' '))).toEqual([]);
    },
  );

  test.each([
    ['executor start --config missing.yaml', ['http', 'https', 'http2', 'tls', 'dns']],
    ['aggregator start --config missing.yaml', ['http', 'https', 'http2', 'tls', 'worker_threads']],
    ['devnet status --dir missing', ['http', 'https', 'tls']],
  ])('behavior: `ponos %s` loads what it needs', async (args, expected) => {
    expect(await loadedBy(...args.split(' '))).toEqual(expect.arrayContaining(expected));
  });
});

/** Complete, with a chain that is not there. JSON is YAML too. */
function executorConfig(storage: object): string {
  return JSON.stringify({
    grpcPort: 9090,
    operator: {
      address: `0x${'11'.repeat(20)}`,
      signingKeys: { ecdsa: { privateKey: `0x${'22'.repeat(32)}` } },
    },
    l1Chain: { rpcUrl: 'http://127.0.0.1:1', chainId: 31337 },
    avsPerformers: [
      { avsAddress: `0x${'33'.repeat(20)}`, deploymentMode: 'process', command: ['/bin/false'] },
    ],
    storage,
  });
}
