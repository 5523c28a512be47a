/** Keys and configurations as users handle them: with commands, files, flags and the environment. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runPonos } from '../support/run-ponos.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { readVectorFile } from '../support/vector-bytes.js';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
const vector = (name: string) => path.join(FIXTURES, 'vectors', 'keystores', name);

let home: TemporaryFolder;

beforeEach(async () => {
  home = await temporaryFolder();
});
afterEach(() => home.remove());

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runPonos(args, { cwd: home.path, env: { HOME: home.path, ...env } });

async function runJson(args: readonly string[], env: Record<string, string> = {}): Promise<unknown> {
  const { code, stdout, stderr } = await run([...args, '--json'], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const filesIn = (folder: string) => fs.readdirSync(path.join(home.path, folder)).sort();

describe('keystores of the Go keygen', () => {
  interface Recorded {
    readonly file: string;
    readonly format: string;
    readonly password: string;
    readonly curveType?: string;
    readonly pubkeyField?: string;
    readonly address?: string;
    readonly privateKeyHex?: string;
  }
  const recorded: Recorded[] = JSON.parse(readVectorFile('keystores/index.json').toString()).entries;
  const named = recorded.map((entry) => ({ ...entry, file: path.basename(entry.file) }));
  const good = named.filter(({ file, format }) => !file.startsWith('bad-') && format !== 'legacy');
  const bad = named.filter(({ file }) => file.startsWith('bad-'));

  test.each(good)('vector: $file is shown, and opens with its password', async (entry) => {
    const identity =
      entry.address === undefined
        ? { curve: entry.curveType, publicKey: `0x${entry.pubkeyField}` }
        : { curve: 'ecdsa', address: entry.address.toLowerCase() };
    const keyFile = ['--key-file', vector(entry.file)];
    // An empty variable is as good as none.
    const password = entry.password === '' ? ['--password', ''] : [];
    const [shown, tried] = await Promise.all([
      runJson(['keygen', 'info', ...keyFile]),
      runJson(['keygen', 'test', ...keyFile, ...password], { KEYGEN_PASSWORD: entry.password }),
    ]);
    // A V3 keystore tells no more than its address.
    expect(shown).toMatchObject({ ...identity, checked: 'no' });
    expect(tried).toMatchObject({ ...identity, signature: 'verified' });
    expect(JSON.stringify([shown, tried])).not.toContain(entry.privateKeyHex?.slice(2));
  });

  test.each(bad)('error: $file, in one sentence that names the file', async ({ file, password }) => {
    const { code, stdout, stderr } = await run([
      ...['keygen', 'test', '--key-file', vector(file)],
      ...['--password', password],
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(`^ponos: \\S.* \\((keystore|file) \\S+${file}\\)\\n {2}→ [A-Z].*\\n {2}code: [A-Z_]+\\n$`),
    );
    expect(stderr).not.toContain(password);
  });
});

describe('keygen generate', () => {
  test('behavior: `--json` names the key and its files, which the other commands take', async () => {
    const made = await runJson(['keygen', 'generate', '--curve-type', 'bn254', '--output-dir', 'keys']);
    expect(made).toEqual({
      curve: 'bn254',
      publicKey: expect.stringMatching(/^0x[0-9a-f]{256}$/),
      publicKeyG1: expect.stringMatching(/^0x[0-9a-f]{128}$/),
      files: {
        privateKey: path.join(home.path, 'keys', 'key_bn254.pri'),
        publicKey: path.join(home.path, 'keys', 'key_bn254.pub'),
      },
    });
    for (const name of ['key_bn254.pri', 'key_bn254.pub']) {
      const { publicKey } = made as { publicKey: string };
      expect(await runJson(['keygen', 'info', '--key-file', `keys/${name}`])).toMatchObject({ publicKey });
    }
    expect(fs.statSync(path.join(home.path, 'keys', 'key_bn254.pri')).mode & 0o777).toBe(0o600);
  });

  test('behavior: the password is taken from the environment, and is printed nowhere', async () => {
    const env = {
      KEYGEN_PASSWORD: 'secret-of-the-environment',
      KEYGEN_CURVE_TYPE: 'bn254',
      KEYGEN_LIGHT_ENCRYPTION: 'true',
    };
    const { code, stdout, stderr } = await run(['keygen', 'generate', '--use-keystore'], env);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('secret-of-the-environment');
    expect(filesIn('keys')).toEqual(['key_bn254.json']);
    const keyFile = ['--key-file', 'keys/key_bn254.json'];
    expect(await runJson(['keygen', 'test', ...keyFile], env)).toMatchObject({ signature: 'verified' });
    const wrong = await run(['keygen', 'test', ...keyFile, '--password', 'another'], env);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/^ponos: the password does not open the keystore/);
  });

  test('behavior: an existing key is kept, unless --force is given', async () => {
    const generate = ['keygen', 'generate', '--curve-type', 'ecdsa', '--output-dir', 'keys'];
    await runJson(generate);
    const before = fs.readFileSync(path.join(home.path, 'keys', 'key_ecdsa.pri'));
    const refused = await run(generate);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^ponos: a file of this name exists already.*key_ecdsa\.pri\)\n {2}→ /);
    expect(fs.readFileSync(path.join(home.path, 'keys', 'key_ecdsa.pri'))).toEqual(before);
    expect(filesIn('keys')).toEqual(['key_ecdsa.pri', 'key_ecdsa.pub']);
    await runJson([...generate, '--force']);
    expect(fs.readFileSync(path.join(home.path, 'keys', 'key_ecdsa.pri'))).not.toEqual(before);
  });

  test.each([
    [
      'where the system makes no folders',
      '--curve-type ecdsa --output-dir /proc/ponos',
      1,
      /cannot be written/,
    ],
    ['for an unknown curve', '--curve-type p256', 2, /must be bn254, bls381, ecdsa \(found p256\)/],
    ['without a curve', '', 2, /--curve-type is missing/],
    [
      'with a password for a raw key',
      '--curve-type ecdsa --password x',
      2,
      /for a key that is not encrypted/,
    ],
  ])('error: %s', async (_name, flags, code, says) => {
    const result = await run(['keygen', 'generate', ...flags.split(' ').filter((flag) => flag !== '')]);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(says);
    expect(fs.readdirSync(home.path)).toEqual([]);
  });
});

describe('config', () => {
  test('behavior: after the key and the file that README makes, only the addresses are missing', async () => {
    const readme = fs.readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
    const lines = readme.replaceAll('\\\n', ' ').split('\n');
    for (const command of ['keygen generate', 'config init']) {
      const line = lines.find((one) => one.includes(`dist/ponos.cjs ${command} `)) ?? '';
      const args = line.replace(/ #.*/, '').trim().split(/\s+/).slice(2);
      expect({ args, ...(await run(args)) }).toMatchObject({ code: 0, stderr: '' });
    }
    const { code, stderr } = await run(['config', 'validate', '--config', 'executor.yaml']);
    expect(code).toBe(2);
    expect([...stderr.matchAll(/^ {2}\S+:\d+:\d+: (.*)$/gm)].map(([, problem]) => problem)).toEqual([
      'operator.address: the environment variable OPERATOR_ADDRESS is not set',
      'avsPerformers[0].avsAddress: the environment variable AVS_ADDRESS is not set',
    ]);
  });

  const ADDRESS = 'found "0x...", expected an address (0x and 40 hex digits)';
  const ADDRESS_OR_JSON = `${ADDRESS}, or JSON text with such an address under "address"`;
  const KEY = 'found a value that is not shown, expected a private key (64 hex digits)';
  const KEYSTORE = 'found a value that is not shown, expected a keystore as JSON text';

  test.each([
    [
      'aggregator',
      [
        `5:12: operator.address: ${ADDRESS}`,
        `7:17: operator.operatorPrivateKey.privateKey: ${KEY}`,
        `10:17: operator.signingKeys.bls.keystore: ${KEYSTORE}`,
        `26:14: avss[0].address: ${ADDRESS}`,
        `28:26: avss[0].avsRegistrarAddress: ${ADDRESS}`,
        `44:15: overrideContracts.taskMailbox.contract: ${ADDRESS_OR_JSON}`,
      ],
      '',
    ],
    [
      'executor',
      [
        `6:12: operator.address: ${ADDRESS}`,
        `8:17: operator.operatorPrivateKey.privateKey: ${KEY}`,
        `11:17: operator.signingKeys.bls.keystore: ${KEYSTORE}`,
        `23:17: avsPerformers[0].avsAddress: ${ADDRESS}`,
        `24:26: avsPerformers[0].avsRegistrarAddress: ${ADDRESS}`,
        `40:15: overrideContracts.taskMailbox.contract: ${ADDRESS_OR_JSON}`,
      ],
      /^warning: \S+:29:23: avsPerformers\[0\]\.envs\[1\]\.valueFromEnv: .*EXECUTOR_LOG_LEVEL is not set.*\n$/,
    ],
  ])(
    'behavior: the original %s example has problems in its placeholders alone',
    async (role, problems, warns) => {
      const file = path.join(FIXTURES, 'config', `original-${role}.yaml`);
      const { code, stdout, stderr } = await run(['config', 'validate', '--config', file]);
      expect(code).toBe(2);
      expect(stderr.split('\n')).toEqual([
        `ponos: ${file} has 6 problems:`,
        ...problems.map((problem) => `  ${file}:${problem}`),
        '  → Correct them and check again with `ponos config validate`.',
        '  code: CONFIG_INVALID',
        '',
      ]);
      if (typeof warns === 'string') expect(stdout).toBe(warns);
      else expect(stdout).toMatch(warns);
    },
  );

  test('behavior: `config show` fills in what is left out and prints no secret, as YAML and as JSON', async () => {
    const keystore = readVectorFile('keystores/bn254-light.json').toString();
    const secrets = {
      key: 'ab'.repeat(32),
      signing: 'cd'.repeat(32),
      password: 'secret-keystore-password',
      token: 'secret-access-token',
      // Of the keystore: what an attacker would try passwords on.
      cipher: JSON.parse(keystore).crypto.cipher.message,
    };
    const operator = {
      address: `0x${'11'.repeat(20)}`,
      operatorPrivateKey: { privateKey: `0x${secrets.key}` },
      signingKeys: {
        bls: { keystore, password: secrets.password },
        ecdsa: { privateKey: `0x${secrets.signing}` },
      },
    };
    const url = `https://rpc.example/v2/${secrets.token}`;
    const config = {
      l1ChainId: 31337,
      operator,
      chains: [{ name: 'L1', chainId: 31337, rpcUrl: url }],
      avss: [{ address: `0x${'33'.repeat(20)}`, chainIds: [31337] }],
      storage: { type: 'memory' },
    };
    fs.writeFileSync(path.join(home.path, 'node.json'), JSON.stringify(config), { mode: 0o600 });
    const show = ['config', 'show', '--config', 'node.json'];
    const shown = await runJson(show);
    expect(shown).toMatchObject({
      operator: { address: operator.address, operatorPrivateKey: { privateKey: '[redacted]' } },
      shutdown: { graceSeconds: 30 },
    });
    const yaml = await run(show);
    expect(yaml).toMatchObject({ code: 0, stderr: '' });
    for (const output of [JSON.stringify(shown), yaml.stdout]) {
      expect(output).toContain('https://rpc.example/[redacted]');
      for (const secret of Object.values(secrets)) expect(output).not.toContain(secret);
    }
  });
});
