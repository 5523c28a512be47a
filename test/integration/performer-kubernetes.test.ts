import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EnvReference } from '../../src/performer/runtime.js';
import { createAuthority } from '../support/certificates.js';
import { keepLog, type LogLine } from '../support/docker-stage.js';
import { ADMIN_TOKEN, EXECUTOR_TOKEN, KubernetesApiServer } from '../support/kubernetes-api-server.js';
import { tellCluster } from '../support/kubernetes-client.js';
import { describeKubernetesRuntime, noted, pathOf, pollingClock } from '../support/kubernetes-contract.js';
import {
  type KubernetesStage,
  kubeConfig,
  kubernetesStage,
  performerNames,
  programSpec,
  type TestCluster,
} from '../support/kubernetes-stage.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { untilTrue } from '../support/until.js';

let server: KubernetesApiServer;
let cluster: TestCluster;
let stage: KubernetesStage;

beforeAll(async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  server = new KubernetesApiServer(certificate);
  await server.start();
  const tokens = { adminToken: ADMIN_TOKEN, executorToken: EXECUTOR_TOKEN };
  cluster = { url: server.url, ca: authority.cert, certificate, ...tokens };
  stage = await kubernetesStage(cluster);
}, 60_000);
afterAll(async () => {
  await stage.close();
  await server.stop();
});
const never = new AbortController().signal;

describeKubernetesRuntime('an API server of the test', () => ({
  stage,
  cluster,
  stop: () => server.stop(),
  start: () => server.start(),
}));

describe('the API server', () => {
  test('behavior: a watch that breaks is opened anew, and what it missed is seen', async () => {
    const runtime = await stage.open({ clock: pollingClock });
    const [removed, kept] = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    server.cutStreams();
    await tellCluster(cluster, 'DELETE', pathOf(removed.id));
    expect(await removed.exited).toMatchObject({ reason: 'was removed by somebody else' });
    expect(kept.isSound()).toBe(true);
  });

  test('behavior: when it has forgotten the changes since, all is listed again', async () => {
    const runtime = await stage.open({ clock: pollingClock });
    const [removed, kept] = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    const mend = server.refuseWatches();
    server.cutStreams();
    await tellCluster(cluster, 'DELETE', pathOf(removed.id));
    await untilTrue(async () => !(await performerNames(cluster)).includes(removed.id));
    server.resources.forget();
    const before = server.requests.length;
    mend();
    expect(await removed.exited).toMatchObject({ reason: 'was removed by somebody else' });
    expect(server.requests.slice(before)).toContain('LIST performers');
    expect(kept.isSound()).toBe(true);
  });

  test('behavior: a node that may not see pods works without their words, and says so once', async () => {
    const lines: LogLine[] = [];
    server.withoutRules('pods', 'pods/log');
    stage.atEnd(() => server.withAllRules());
    const runtime = await stage.open({ logger: keepLog(lines) });
    const instances = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    expect(instances[0]?.lastLines()).toEqual([]);
    await Promise.all(instances.map((instance) => instance.stop(0)));
    expect(await instances[0]?.exited).toMatchObject({ reason: 'was stopped and removed' });
    expect(noted(lines, 'the pods of performers, or what they print, cannot be seen')).toHaveLength(1);
  });

  test('error: a right that is missing is named, with the file that gives it', async () => {
    server.withoutRules('performers');
    stage.atEnd(() => server.withAllRules());
    await expect(stage.open()).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'this node may not list performers in the namespace default: the verb is missing',
      advice: expect.stringContaining('deploy/kubernetes/rbac.yaml'),
    });
  });

  test('error: a cluster without the resource, and one with an older one', async () => {
    const older = (text: string) => text.replace('environmentFrom:', 'somethingElse:');
    const runtime = await stage.open();
    server.changeResource(older);
    stage.atEnd(() => server.changeResource((text) => text));
    const envFrom: EnvReference[] = [{ name: 'A', source: 'secret', object: 'b', key: 'c' }];
    await expect(runtime.deploy(programSpec({}, {}, envFrom), never)).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the Performer resource of the cluster does not know the field spec.config.environmentFrom',
      advice: expect.stringContaining('performer-crd.yaml'),
    });
    server.dropResource();
    await expect(stage.open()).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the cluster has no Performer resource hourglass.eigenlayer.io/v1alpha1',
      advice: expect.stringContaining('kubectl apply -f deploy/kubernetes/performer-crd.yaml'),
    });
  });

  test('error: one that is not there, and one that never answers', async () => {
    const silent = net.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    stage.atEnd(() => void silent.close());
    const ports = [1, (silent.address() as AddressInfo).port];
    for (const port of ports) {
      const folder = await temporaryFolder();
      stage.atEnd(folder.remove);
      const file = `${folder.path}/config`;
      writeFileSync(file, kubeConfig({ ...cluster, url: `https://127.0.0.1:${port}` }, 'a-token'));
      const opening = stage.open({}, { kubeConfigPath: file, connectionTimeout: 200 });
      await expect(opening).rejects.toMatchObject({
        code: 'KUBERNETES_UNAVAILABLE',
        message: 'the Kubernetes API server does not answer',
        facts: { server: `https://127.0.0.1:${port}` },
      });
    }
  });

  test('error: credentials that are not accepted', async () => {
    const folder = await temporaryFolder();
    stage.atEnd(folder.remove);
    writeFileSync(`${folder.path}/config`, kubeConfig(cluster, 'stale-token'));
    const opening = stage.open({}, { kubeConfigPath: `${folder.path}/config` });
    await expect(opening).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the Kubernetes API server does not accept the credentials of this node',
    });
  });
});
