import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadKubernetesAccess } from '../../../src/performer/kubernetes-access.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;
const at = (name: string) => path.join(folder.path, name);
const kubeconfig = (name: string) =>
  JSON.stringify({
    clusters: [{ name, cluster: { server: `https://${name}.example` } }],
    users: [{ name, user: { token: 'sesame-4711' } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(at('one'), kubeconfig('one'));
  await writeFile(at('two'), kubeconfig('two'));
  await writeFile(at('without'), 'apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n');
  await writeFile(at('broken'), 'users: [{token: sesame-4711\n');
});
afterAll(() => folder.remove());

const serverOf = (options: Parameters<typeof loadKubernetesAccess>[0]) =>
  loadKubernetesAccess(options).getCurrentCluster()?.server;

describe('loadKubernetesAccess', () => {
  test('default: the service account of the pod', () => {
    // The library reads these from the process itself.
    const before = { ...process.env };
    Object.assign(process.env, { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' });
    try {
      expect(serverOf({ inCluster: true, processEnv: process.env })).toBe('https://10.0.0.1:443');
    } finally {
      process.env = before;
    }
  });

  test('behavior: a file that is named holds over that', () => {
    expect(serverOf({ kubeConfigPath: at('one'), inCluster: true, processEnv: {} })).toBe(
      'https://one.example',
    );
  });

  test('behavior: otherwise the files that kubectl reads, the first of which chooses', () => {
    const KUBECONFIG = [at('two'), at('one')].join(path.delimiter);
    expect(serverOf({ inCluster: false, processEnv: { KUBECONFIG } })).toBe('https://two.example');
  });

  test('error: a node outside a cluster', () => {
    expect(() => serverOf({ inCluster: true, processEnv: {} })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', advice: expect.stringContaining('kubeConfigPath') }),
    );
  });

  test.each([
    ['missing', 'FILE_UNREADABLE', /^the kubeconfig file \S*missing cannot be read$/],
    ['broken', 'CONFIG_INVALID', /^the kubeconfig file \S*broken is malformed$/],
    ['without', 'CONFIG_INVALID', /^the kubeconfig file \S*without names no cluster and user/],
  ])('error: a file that is %s, and nothing of what stands in it', (name, code, message) => {
    try {
      serverOf({ kubeConfigPath: at(name), inCluster: false, processEnv: {} });
    } catch (error) {
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(JSON.stringify(error) + String(error)).not.toContain('sesame');
      return;
    }
    throw new Error('it was read');
  });
});
