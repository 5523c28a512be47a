/** An executor as a process whose performers are objects of a cluster. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type BuiltDevnet, buildDevnet, type NodeSeat } from '../support/built-devnet.js';
import { createAuthority } from '../support/certificates.js';
import { ADMIN_TOKEN, EXECUTOR_TOKEN, KubernetesApiServer } from '../support/kubernetes-api-server.js';
import { tellCluster } from '../support/kubernetes-client.js';
import { pathOf } from '../support/kubernetes-contract.js';
import {
  type KubernetesStage,
  kubernetesStage,
  performerNames,
  type TestCluster,
} from '../support/kubernetes-stage.js';
import { type RunningPonos, runPonos } from '../support/run-ponos.js';

let devnet: BuiltDevnet;
let server: KubernetesApiServer;
let cluster: TestCluster;
let stage: KubernetesStage;
let seat: NodeSeat;
let node: RunningPonos;
let avs = '';

beforeAll(async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  server = new KubernetesApiServer(certificate);
  await server.start();
  const tokens = { adminToken: ADMIN_TOKEN, executorToken: EXECUTOR_TOKEN };
  cluster = { url: server.url, ca: authority.cert, certificate, ...tokens };
  [stage, devnet] = await Promise.all([kubernetesStage(cluster), buildDevnet(1)]);
  seat = await devnet.seat('executor-1', (config) => {
    config.kubernetes = { kubeConfigPath: stage.kubeConfigPath };
    for (const performer of config.avsPerformers ?? []) {
      avs = performer.avsAddress;
      delete performer.command;
      performer.deploymentMode = 'kubernetes';
      performer.image = { repository: 'my-avs', tag: 'v1' };
    }
  });
  node = seat.start({}, { limitMs: 120_000 });
  await node.logged('executor is serving');
}, 120_000);
afterAll(async () => {
  node?.kill('SIGKILL');
  await node?.ended;
  await seat?.remove();
  await stage?.close();
  await Promise.all([server?.stop(), devnet?.close()]);
}, 60_000);

test('default: it deploys, replaces by a call with what only the cluster has, and leaves nothing', async () => {
  const [first = ''] = await performerNames(cluster);
  expect(node.log()).toContain('performer in service');
  const secret = { metadata: { name: 'my-avs', namespace: 'default' }, data: { key: 'c2VzYW1lLTQ3MTE=' } };
  await tellCluster(cluster, 'POST', '/api/v1/namespaces/default/secrets', secret);
  const flags = ['--image', 'my-avs:v2', '--env-secret', 'API_KEY=my-avs/key', '--service-account', 'my-avs'];
  const address = ['--address', `127.0.0.1:${seat.config.managementServerGrpcPort ?? seat.config.grpcPort}`];
  const deployed = await runPonos(['executor', 'deploy', avs, ...flags, ...address], {
    env: { HOME: seat.folder },
  });
  expect(deployed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^performer \S+ is in service/) });
  const [, second = ''] = /^performer (\S+)/.exec(deployed.stdout) ?? [];
  expect(second).not.toBe(first);
  const object = await tellCluster(cluster, 'GET', pathOf(second));
  const reference = { secretKeyRef: { name: 'my-avs', key: 'key' } };
  expect(object).toMatchObject({
    spec: {
      avsAddress: avs,
      image: 'my-avs:v2',
      config: { serviceAccountName: 'my-avs', environmentFrom: [{ name: 'API_KEY', valueFrom: reference }] },
    },
  });
  node.kill('SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0 });
  expect(await performerNames(cluster)).toEqual([]);
  expect(node.log() + JSON.stringify(object)).not.toContain('sesame');
}, 60_000);
