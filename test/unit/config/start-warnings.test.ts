import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.js';
import { permissionWarning, startWarnings } from '../../../src/config/start-warnings.js';
import { AGGREGATOR_YAML, changed, EXECUTOR_YAML } from '../../support/config-text.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const dollar = '$';
const ON_DISK = 'storage: {type: level, level: {dir: x}}\n';
let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

async function warningsOf(text: string, mode: number, env = {}): Promise<string[]> {
  const file = join(folder.path, 'node.yaml');
  await writeFile(file, text);
  await chmod(file, mode);
  return startWarnings('aggregator', file, (await loadConfig('aggregator', { file, env })).config);
}

describe('startWarnings', () => {
  test('default: none for a closed file, a store on disk and no word about authentication', async () => {
    expect(await warningsOf(`${AGGREGATOR_YAML}${ON_DISK}`, 0o600)).toEqual([]);
  });

  test('behavior: memory, an open management API, a file that others can read', async () => {
    expect(await warningsOf(`${AGGREGATOR_YAML}authentication: {enabled: false}\n`, 0o640)).toEqual([
      'storage.type is memory: a restart forgets tasks, answers and progress',
      'authentication.enabled is false: the management API is served to everyone who can reach it',
      `${join(folder.path, 'node.yaml')} holds a secret and has mode 0640: set it to 0600`,
    ]);
  });

  test('behavior: of an executor, memory holds what keeps it from signing twice', async () => {
    const file = join(folder.path, 'node.yaml');
    await writeFile(file, EXECUTOR_YAML, { mode: 0o600 });
    expect(
      await startWarnings('executor', file, (await loadConfig('executor', { file, env: {} })).config),
    ).toEqual([
      'storage.type is memory: a restart forgets what was signed, and a second output for the same task may be signed then',
    ]);
  });

  test('behavior: keys of certificates that others can read', async () => {
    const keyFile = join(folder.path, 'server.key');
    await writeFile(keyFile, '', { mode: 0o644 });
    const text = `${AGGREGATOR_YAML}${ON_DISK}grpc: {tls: {certFile: a, keyFile: ${keyFile}}}\n`;
    expect(await warningsOf(text, 0o600)).toEqual([
      `${keyFile} holds a secret and has mode 0644: set it to 0600`,
    ]);
  });

  test('behavior: a file that only names the variables of its keys may be open', async () => {
    const text = changed(AGGREGATOR_YAML, `"0x${'ab'.repeat(32)}"`, `${dollar}{A}`).replace(
      'cd'.repeat(32),
      `${dollar}{B}`,
    );
    const env = { A: 'ab'.repeat(32), B: 'cd'.repeat(32) };
    expect(await warningsOf(`${text}${ON_DISK}`, 0o644, env)).toEqual([]);
  });

  test('behavior: modes mean nothing on Windows', async () => {
    expect(await permissionWarning('/nowhere', 'win32')).toBeUndefined();
    expect(await permissionWarning('/nowhere', 'linux')).toContain('cannot be read');
  });
});
