/** A real API server of Kubernetes with its store, for `make test-kubernetes`: there is no cluster behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { createAuthority } from './certificates.js';
import { askCluster, PERFORMERS, tellCluster } from './kubernetes-client.js';
import type { TestCluster } from './kubernetes-stage.js';
import { temporaryFolder } from './temporary-folder.js';

const READY_WITHIN_MS = 180_000;
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';

export interface KubeApiServer {
  readonly cluster: TestCluster;
  /** Ends it; its store goes on. */
  stop(): Promise<void>;
  /** Starts it again on what is stored, and resolves when it is ready. */
  start(): Promise<void>;
  /** Ends it and its store. */
  close(): Promise<void>;
}

/** @param program the path of the one that test/kubernetes/apiserver builds */
export async function startKubeApiServer(program: string): Promise<KubeApiServer> {
  const folder = await temporaryFolder();
  const at = (name: string) => path.join(folder.path, name);
  const authority = await createAuthority();
  const certificate = await authority.issue();
  const signing = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(at('tls.crt'), certificate.cert);
  writeFileSync(at('tls.key'), certificate.key);
  writeFileSync(at('sa.key'), signing.privateKey.export({ type: 'pkcs1', format: 'pem' }));
  writeFileSync(at('sa.pub'), signing.publicKey.export({ type: 'spki', format: 'pem' }));
  // The second is whom the binding of our manifest names.
  writeFileSync(
    at('tokens.csv'),
    'admin-token,admin,1,"system:masters"\nexecutor-token,system:serviceaccount:default:ponos-executor,2\n',
  );
  const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
  const store = run('etcd', at('etcd.log'), [
    `--data-dir=${at('etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${clients}`,
    `--advertise-client-urls=http://127.0.0.1:${clients}`,
    `--listen-peer-urls=http://127.0.0.1:${peers}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peers}`,
    `--initial-cluster=default=http://127.0.0.1:${peers}`,
  ]);
  const tokens = { adminToken: 'admin-token', executorToken: 'executor-token' };
  const cluster = { url: `https://127.0.0.1:${port}`, ca: authority.cert, certificate, ...tokens };
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    server = run(program, at('apiserver.log'), [
      `--etcd-servers=http://127.0.0.1:${clients}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${at('tls.crt')}`,
      `--tls-private-key-file=${at('tls.key')}`,
      `--token-auth-file=${at('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${at('sa.pub')}`,
      `--service-account-signing-key-file=${at('sa.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
    ]);
    await answers(cluster, server, '/readyz', at('apiserver.log'));
  }

  async function stop(): Promise<void> {
    await end(server);
    server = undefined;
  }

  const close = async () => {
    await stop();
    await end(store);
    await folder.remove();
  };
  try {
    await start();
    await applyManifests(cluster);
    await answers(cluster, server, '/api/v1/namespaces/default', at('apiserver.log'));
    await answers(cluster, server, PERFORMERS, at('apiserver.log'));
  } catch (error) {
    await close();
    throw error;
  }
  return { cluster, start, stop, close };
}

async function applyManifests(cluster: TestCluster): Promise<void> {
  const paths: Readonly<Record<string, string>> = {
    CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    ServiceAccount: '/api/v1/namespaces/default/serviceaccounts',
    Role: `${RBAC}/roles`,
    RoleBinding: `${RBAC}/rolebindings`,
  };
  for (const file of ['performer-crd.yaml', 'rbac.yaml']) {
    for (const document of parseAllDocuments(readFileSync(`deploy/kubernetes/${file}`, 'utf8'))) {
      const object = document.toJS() as { kind: string; subjects?: object[] };
      // As `kubectl apply -n default` does it.
      const subjects = object.subjects?.map((subject) => ({ ...subject, namespace: 'default' }));
      const body = { ...object, ...(subjects && { subjects }) };
      await tellCluster(cluster, 'POST', `${paths[object.kind]}?fieldValidation=Strict`, body);
    }
  }
}

function run(program: string, log: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log, { flags: 'a' });
  child.stdout?.pipe(file, { end: false });
  child.stderr?.pipe(file, { end: false });
  child.on('close', () => file.end());
  return child;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

async function answers(
  cluster: TestCluster,
  server: ChildProcess | undefined,
  at: string,
  log: string,
): Promise<void> {
  const giveUpMs = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const status = await askCluster(cluster, 'GET', at).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 200) return;
    if (performance.now() > giveUpMs || server?.exitCode !== null) {
      throw new Error(`${at} is not there: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    }
    await sleep(200);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a server without a port');
  return address.port;
}
