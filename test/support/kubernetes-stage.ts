/** What tests of performers in a cluster share: the cluster, what plays behind it, and runtimes on it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import {
  type KubernetesOptions,
  type KubernetesRuntimeOptions,
  openKubernetesRuntime,
} from '../../src/performer/kubernetes-runtime.js';
import type { EnvReference, PerformerRuntime, PerformerSpec } from '../../src/performer/runtime.js';
import type { TestCertificate } from './certificates.js';
import type { Cluster } from './kubernetes-client.js';
import { askCluster, PERFORMERS } from './kubernetes-client.js';
import { KubernetesOperator, type OperatorOptions } from './kubernetes-operator.js';
import { type Bundle, bundle } from './performer-bundle.js';
import { AVS, secretEnv } from './performer-contract.js';
import { temporaryFolder } from './temporary-folder.js';
import { until } from './until.js';

export const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 31337 };

/** An API server, and the token of one who may do what our roles allow. */
export interface TestCluster extends Cluster {
  readonly executorToken: string;
  /** For the agent of a node. */
  readonly certificate: TestCertificate;
}

export interface KubernetesStage {
  readonly operator: KubernetesOperator;
  /** A kubeconfig file of the executor's. */
  readonly kubeConfigPath: string;
  open(
    changes?: Partial<KubernetesRuntimeOptions>,
    cluster?: Partial<KubernetesOptions>,
  ): Promise<PerformerRuntime>;
  /** Called at the end of the test, the last one first. */
  atEnd(close: () => Promise<unknown> | unknown): void;
  /** Ends what the test has opened, and waits until no performer is left. */
  endTest(): Promise<void>;
  close(): Promise<void>;
}

export async function kubernetesStage(
  cluster: TestCluster,
  options: Partial<OperatorOptions> = {},
): Promise<KubernetesStage> {
  const program: Bundle = await bundle('test/support/performer-program.ts');
  const folder = await temporaryFolder();
  const kubeConfigPath = path.join(folder.path, 'kubeconfig');
  writeFileSync(kubeConfigPath, kubeConfig(cluster, cluster.executorToken));
  const { certificate } = cluster;
  const operator = new KubernetesOperator({
    cluster,
    certificate,
    program: [process.execPath, program.path],
    ...options,
  });
  await operator.start();
  const closers: (() => Promise<unknown> | unknown)[] = [];
  return {
    operator,
    kubeConfigPath,
    async open(changes = {}, clusterChanges = {}) {
      const runtime = await openKubernetesRuntime({
        ...OWNER,
        kubernetes: { ...CLUSTER_OPTIONS, kubeConfigPath, ...clusterChanges },
        processEnv: {},
        clock: systemClock,
        logger: silentLogger,
        ...changes,
      });
      closers.push(() => runtime.close());
      return runtime;
    },
    atEnd: (close) => void closers.push(close),
    async endTest() {
      for (const close of closers.splice(0).reverse()) await close();
      operator.isAttentive = true;
      await until('all performers were gone', async () => (await performerNames(cluster)).length === 0);
    },
    async close() {
      await operator.close();
      program.remove();
      await folder.remove();
    },
  };
}

export const CLUSTER_OPTIONS: KubernetesOptions = {
  namespace: 'default',
  crdGroup: 'hourglass.eigenlayer.io',
  crdVersion: 'v1alpha1',
  connectionTimeout: 10_000,
  inCluster: false,
};

export async function performerNames(cluster: Cluster): Promise<string[]> {
  const { body } = await askCluster(cluster, 'GET', PERFORMERS);
  const { items = [] } = body as { items?: { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}

export function kubeConfig({ url, ca }: Cluster, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: 'executor', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'executor' } }],
    'current-context': 'test',
  });
}

/** The program of performer-program.ts as it is in its pod. */
export function programSpec(
  env: Readonly<Record<string, string>> = {},
  changes: Partial<PerformerSpec> = {},
  envFrom: readonly EnvReference[] = [],
): PerformerSpec {
  return {
    avs: AVS,
    image: { repository: 'ponos-test-program', tag: 'test' },
    command: [],
    env: secretEnv(env),
    resources: { memoryBytes: 512e6, cpus: 0.5, pids: 100, readOnlyRootfs: false },
    cluster: { envFrom },
    ...changes,
  };
}
