/** What commands to a node read of its configuration: not what only the node itself needs. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadAccess, loadConfig } from '../../../src/config/load.js';
import type { Role } from '../../../src/config/role.js';
import { AGGREGATOR_YAML, EXECUTOR_YAML } from '../../support/config-text.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const dollar = '$';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

async function accessOf(role: Role, text: string, env: Record<string, string> = {}) {
  const file = path.join(folder.path, 'node.yaml');
  await writeFile(file, text, { mode: 0o600 });
  return loadAccess(role, { file, env });
}

describe('loadAccess', () => {
  test.each([
    ['aggregator', AGGREGATOR_YAML],
    ['executor', EXECUTOR_YAML],
  ] as const)('default: the same as the whole configuration of an %s says', async (role, text) => {
    const access = await accessOf(role, text);
    const { config } = await loadConfig(role, { file: path.join(folder.path, 'node.yaml'), env: {} });
    const { grpc, authentication, storage, managementServerGrpcPort } = config;
    expect(access).toEqual({ grpc, authentication, storage, managementServerGrpcPort });
  });

  test('behavior: what the node is told by environment and file counts, older spellings too', async () => {
    const text = `authConfig: {isEnabled: true}
storage: {type: badger, badgerConfig: {inMemory: true}}
`;
    expect(await accessOf('executor', text, { EXECUTOR_GRPC_PORT: '7001' })).toMatchObject({
      managementServerGrpcPort: 7_001,
      authentication: { enabled: true },
      storage: { type: 'memory' },
    });
    const own = { EXECUTOR_GRPC_PORT: '7001', EXECUTOR__MANAGEMENT_SERVER_GRPC_PORT: '7002' };
    expect(await accessOf('executor', text, own)).toMatchObject({ managementServerGrpcPort: 7_002 });
    // A flag of keys that are not read, and its variable, change nothing.
    expect(await accessOf('executor', text, { EXECUTOR_PERFORMER_NETWORK_NAME: 'net' })).not.toHaveProperty(
      'performerNetworkName',
    );
  });

  test('behavior: variables that only the node has are not asked for', async () => {
    const text = `operator:
  address: ${dollar}{OPERATOR_ADDRESS}
  signingKeys: {bls: {keystoreFile: "${dollar}{KEYSTORE}"}}
l1Chain: {chainId: 1, rpcUrl: "https://rpc.example/${dollar}{RPC_KEY}"}
storage: {type: level, level: {dir: /var/lib/ponos}}
grpcPort: 9191
`;
    expect(await accessOf('executor', text)).toMatchObject({
      storage: { type: 'level', level: { dir: '/var/lib/ponos' } },
      managementServerGrpcPort: 9_191,
    });
  });

  test('error: what is wrong with the keys that are read is told, each with its place, and nothing else', async () => {
    const text = `operator: {address: nobody}
grpcPort: 70000
grpc:
  clientTls: {certFile: "${dollar}{CERT}"}
storage:
  type: level
`;
    const failed: unknown = await accessOf('executor', text).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'CONFIG_INVALID' });
    const lines = String((failed as Error).message)
      .split('\n')
      .slice(1);
    expect(lines.map((line) => line.replace(folder.path, ''))).toEqual([
      expect.stringContaining('/node.yaml:2:11: grpcPort: found 70000'),
      expect.stringContaining('grpc.clientTls: keyFile is missing'),
      expect.stringContaining('grpc.clientTls.certFile: the environment variable CERT is not set'),
      expect.stringContaining('storage.level.dir: is missing'),
    ]);
  });

  test('error: the configuration of another role', async () => {
    await expect(accessOf('aggregator', EXECUTOR_YAML)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(
        'its keys are those of another role (executor), not of the aggregator',
      ),
    });
  });

  test('error: a text that is no configuration', async () => {
    await expect(accessOf('executor', '{')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
