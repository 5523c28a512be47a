/** Performers in a cluster whose API server is the real one; `make test-kubernetes` builds it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EnvReference } from '../../src/performer/runtime.js';
import { type KubeApiServer, startKubeApiServer } from '../support/kube-apiserver.js';
import { tellCluster } from '../support/kubernetes-client.js';
import { describeKubernetesRuntime } from '../support/kubernetes-contract.js';
import { type KubernetesStage, kubernetesStage, programSpec } from '../support/kubernetes-stage.js';
import { untilTrue } from '../support/until.js';

const program = process.env.KUBE_APISERVER;
const never = new AbortController().signal;
const BINDING = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/ponos-executor';
const DEFINITION =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/performers.hourglass.eigenlayer.io';

if (program === undefined)
  describe.skip('a real API server', () => test('make test-kubernetes', () => undefined));
else withServer(program);

function withServer(path: string): void {
  let server: KubeApiServer;
  let stage: KubernetesStage;
  beforeAll(async () => {
    server = await startKubeApiServer(path);
    stage = await kubernetesStage(server.cluster);
  }, 300_000);
  afterAll(async () => {
    await stage?.close();
    await server?.close();
  }, 60_000);

  describeKubernetesRuntime('a real API server', () => ({
    stage,
    cluster: server.cluster,
    stop: () => server.stop(),
    start: () => server.start(),
  }));

  describe('what a real API server refuses', () => {
    test('error: a namespace that is not there, and a resource', async () => {
      const runtime = await stage.open();
      const envFrom: EnvReference[] = [{ name: 'A', source: 'secret', object: '', key: 'c' }];
      await expect(runtime.deploy(programSpec({}, {}, envFrom), never)).rejects.toMatchObject({
        code: 'PERFORMER_UNAVAILABLE',
        message: expect.stringMatching(/refused to start a performer: .*secretKeyRef\.name/),
      });
      await expect(stage.open({}, { namespace: 'nowhere' })).rejects.toMatchObject({
        code: 'KUBERNETES_REFUSED',
        message: 'this node may not list performers in the namespace nowhere: the verb is missing',
      });
      await expect(stage.open({}, { crdVersion: 'v9' })).rejects.toMatchObject({
        code: 'KUBERNETES_REFUSED',
        message: 'the cluster has no Performer resource hourglass.eigenlayer.io/v9',
      });
    });

    test('error: a field that the resource of the cluster does not have', async () => {
      const definition = await tellCluster(server.cluster, 'GET', DEFINITION);
      const { spec } = definition as { spec: object };
      const older = JSON.parse(JSON.stringify(spec).replace('"serviceAccountName":{', '"somethingElse":{'));
      await tellCluster(server.cluster, 'PATCH', DEFINITION, { spec: older });
      stage.atEnd(() => tellCluster(server.cluster, 'PATCH', DEFINITION, { spec }));
      const runtime = await stage.open();
      const cluster = { envFrom: [], serviceAccountName: 'my-avs' };
      // It takes a moment until the new definition holds.
      for (;;) {
        const outcome = await runtime
          .deploy(programSpec({}, { cluster }), never)
          .catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toMatchObject({
            code: 'KUBERNETES_REFUSED',
            message:
              'the Performer resource of the cluster does not know the field spec.config.serviceAccountName',
          });
          return;
        }
      }
    });

    test('error: a node without our binding', async () => {
      const binding = await tellCluster(server.cluster, 'GET', BINDING);
      const { metadata, ...rest } = binding as { metadata: object };
      await tellCluster(server.cluster, 'DELETE', BINDING);
      const again = { ...rest, metadata: { name: 'ponos-executor' } };
      stage.atEnd(() => tellCluster(server.cluster, 'POST', BINDING.replace(/\/[^/]+$/, ''), again));
      expect(metadata).toMatchObject({ name: 'ponos-executor' });
      await untilTrue(async () => {
        const error = await stage.open().then(
          () => undefined,
          (each: unknown) => each,
        );
        if (error === undefined) return false;
        expect(error).toMatchObject({
          code: 'KUBERNETES_REFUSED',
          message: 'this node may not list performers in the namespace default: the verb is missing',
          facts: { user: 'system:serviceaccount:default:ponos-executor' },
        });
        return true;
      });
    });
  });
}
