import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '../../../../src/config/load.js';
import { guessRole } from '../../../../src/operations/config/guess-role.js';
import { renderConfig } from '../../../../src/operations/config/show.js';
import { validateConfig } from '../../../../src/operations/config/validate.js';
import { writeStarter } from '../../../../src/operations/config/write-starter.js';
import { AGGREGATOR_YAML, changed, EXECUTOR_YAML } from '../../../support/config-text.js';
import { brief } from '../../../support/examine-text.js';
import { type TemporaryFolder, temporaryFolder } from '../../../support/temporary-folder.js';

let folder: TemporaryFolder;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'node.yaml');
});
afterEach(() => folder.remove());

describe('validateConfig', () => {
  const KEYSTORES = 'test/fixtures/vectors/keystores';
  const validate = async (bls: string) => {
    await writeFile(file, changed(EXECUTOR_YAML, 'ecdsa:', `bls: ${bls}\n    ecdsa:`));
    const { problems, valid } = await validateConfig('executor', { file, env: {} });
    expect(valid).toBe(problems.length === 0);
    return problems.map(brief);
  };

  test('default: a keystore of the right curve that can be read', async () => {
    expect(await validate(`{keystoreFile: ${KEYSTORES}/bn254-light.json, password: any}`)).toEqual([]);
  });

  test.each([
    ['bls381-default.json', 'it holds a key of the curve bls381, not bn254'],
    ['bad-curvetype-missing.json', 'it has no curveType field'],
    ['bad-json.json', 'it is no JSON object'],
    ['ecdsa-v3-light.json', 'it has no curveType field'],
  ])('error: %s', async (name, fault) => {
    expect(await validate(`{keystoreFile: ${KEYSTORES}/${name}}`)).toEqual([
      `6 operator.signingKeys.bls.keystoreFile: this keystore cannot be used: ${fault}`,
    ]);
  });

  test('error: files that are not there', async () => {
    expect(await validate('{keystoreFile: /nowhere/k.json, passwordFile: /nowhere/p}')).toEqual([
      expect.stringMatching(/^6 operator\.signingKeys\.bls\.keystoreFile: \/nowhere\/k\.json cannot be read/),
      expect.stringMatching(/^6 operator\.signingKeys\.bls\.passwordFile: \/nowhere\/p cannot be read/),
    ]);
  });

  test('behavior: an inline keystore wins, so the file beside it is not looked at', async () => {
    const inline = JSON.stringify({ crypto: {}, curveType: 'bn254' });
    expect(await validate(`{keystore: '${inline}', keystoreFile: /nowhere}`)).toEqual([]);
    expect(
      await validate(`{keystore: '{"crypto":{},"curveType":"bls381"}', keystoreFile: /nowhere}`),
    ).toEqual([
      '6 operator.signingKeys.bls.keystore: this keystore cannot be used: it holds a key of the curve bls381, not bn254',
    ]);
  });

  test('error: keystores are reported along with everything else', async () => {
    await writeFile(
      file,
      `${changed(EXECUTOR_YAML, 'ecdsa:', 'bls: {keystoreFile: /nowhere}\n    ecdsa:')}grpcPort: no\n`,
    );
    expect((await validateConfig('executor', { file, env: {} })).problems.map(({ path }) => path)).toEqual([
      'operator.signingKeys.bls.keystoreFile',
      'grpcPort',
    ]);
  });
});

describe('renderConfig', () => {
  test('behavior: everything resolved, no secret, the same in YAML and JSON', async () => {
    await writeFile(file, `${changed(AGGREGATOR_YAML, 'localhost:8545', 'eth.example/v3/access-key')}`);
    const { config } = await loadConfig('aggregator', { file, env: {} });
    const yaml = renderConfig(config, 'yaml');
    const json = renderConfig(config, 'json');
    expect(parse(yaml)).toEqual(JSON.parse(json));
    expect(JSON.parse(json)).toMatchObject({
      operator: { operatorPrivateKey: { privateKey: '[redacted]' } },
      chains: [{ rpcUrls: ['http://eth.example/[redacted]'], pollIntervalMs: 10_000 }],
    });
    expect(yaml).not.toMatch(/abab|cdcd|access-key/);
  });
});

describe('guessRole', () => {
  test.each([
    ['aggregator', AGGREGATOR_YAML],
    ['aggregator', 'AVSS: []'],
    ['executor', EXECUTOR_YAML],
    ['executor', '{"avsPerformers": []}'],
  ])('behavior: %s by its keys', async (role, text) => {
    await writeFile(file, text);
    expect(await guessRole(file)).toBe(role);
  });

  test.each([
    ['no key of either', 'debug: true'],
    ['keys of both', 'l1ChainId: 1\nl1Chain: {}\n'],
  ])('error: %s', async (_name, text) => {
    await writeFile(file, text);
    await expect(guessRole(file)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('error: a file that is no YAML is told what is wrong with it, not to name a role', async () => {
    await writeFile(file, 'operator: [a\nx: {');
    await expect(guessRole(file)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/node\.yaml:2:1: this is neither YAML nor JSON/),
    });
  });
});

describe('writeStarter', () => {
  test('behavior: for its owner only, and never over another file unless forced', async () => {
    await writeStarter('executor', file, { force: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await writeFile(file, 'mine');
    await expect(writeStarter('executor', file, { force: false })).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
    await writeStarter('executor', file, { force: true });
    expect(await readFile(file, 'utf8')).toBe(await readFile('examples/executor.yaml', 'utf8'));
  });

  test('error: a folder that is not there', async () => {
    await expect(writeStarter('executor', join(file, 'x'), { force: false })).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
    });
  });
});
