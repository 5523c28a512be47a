/**
 * Plays what is behind an API server in a cluster: the Hourglass operator, the agent of a node, and the garbage collector.
 * A performer's pod is a child process on a loopback port; what it prints is told to the API server as by a node.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../src/base/free-ports.js';
import type { TestCertificate } from './certificates.js';
import { askCluster, type Cluster, PERFORMERS, PODS, tellCluster } from './kubernetes-client.js';

const NODE = '/api/v1/nodes/test-node';
const FINALIZER = 'hourglass.eigenlayer.io/performer-finalizer';
/** As of a pod that does not name its own. */
const POD_GRACE_MS = 30_000;
/** What the program prints instead of ending: it is not waited for. */
const REFUSES_TO_END = 'ignoring SIGTERM';
const LOOK_MS = 30;

interface PerformerJson {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly image: string;
    readonly config: {
      readonly environment?: Readonly<Record<string, string>>;
      readonly environmentFrom?: readonly {
        readonly name: string;
        readonly valueFrom: Readonly<Record<string, { readonly name: string; readonly key: string }>>;
      }[];
      readonly serviceAccountName?: string;
    };
  };
}

interface Pod {
  readonly performer: PerformerJson;
  readonly output: Buffer[];
  readonly readers: Set<ServerResponse>;
  readonly child: ChildProcess | undefined;
  /** Resolves when nothing of it runs and this was told. */
  ended: Promise<void>;
  isEnding: boolean;
}

export interface OperatorOptions {
  readonly cluster: Cluster;
  /** Of the node's agent. */
  readonly certificate: TestCertificate;
  /** The program that every image is, but one that is called `missing`. */
  readonly program: readonly string[];
  /** What it writes into `status.grpcEndpoint`; default: where the program listens. */
  readonly endpoint?: (port: number) => string;
}

export class KubernetesOperator {
  /** Whether it takes notice of new performers. */
  isAttentive = true;
  readonly #options: OperatorOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #closing = new AbortController();
  #agent: Server | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const agent = createServer(this.#options.certificate, (request, response) => {
      const [, , , pod = ''] = (request.url ?? '').split(/[/?]/);
      this.#serveLog(pod, new URL(request.url ?? '', 'https://node'), response);
    });
    agent.listen(0, '127.0.0.1');
    await once(agent, 'listening');
    this.#agent = agent;
    const { cluster } = this.#options;
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'test-node' } };
    await askCluster(cluster, 'POST', '/api/v1/nodes', node);
    const { port } = agent.address() as AddressInfo;
    await tellCluster(cluster, 'PATCH', `${NODE}/status`, {
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    });
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    for (const pod of this.#pods.values()) pod.child?.kill('SIGKILL');
    await Promise.all([...this.#pods.values()].map(({ ended }) => ended));
    this.#agent?.close();
    this.#agent?.closeAllConnections();
  }

  /** The process of a performer. */
  processOf(performer: string): ChildProcess | undefined {
    return this.#pods.get(performer)?.child;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#reconcile();
      } catch (error) {
        // The server is away, or does not have the resource, as some tests have it.
        const { code, message } = error as NodeJS.ErrnoException;
        const isAway =
          ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code ?? '') || /: (404|5\d\d) /.test(message);
        if (!isAway) throw error;
      }
      await sleep(LOOK_MS);
    }
  }

  async #reconcile(): Promise<void> {
    const { items } = (await tellCluster(this.#options.cluster, 'GET', PERFORMERS)) as {
      items: PerformerJson[];
    };
    const names = new Set(items.map(({ metadata }) => metadata.name));
    for (const [name, pod] of this.#pods) if (!names.has(name)) this.#end(pod);
    for (const performer of items) {
      const { name, deletionTimestamp } = performer.metadata;
      const pod = this.#pods.get(name);
      if (deletionTimestamp !== undefined) {
        if (pod === undefined) await this.#release(performer);
        else this.#end(pod);
      } else if (pod === undefined && this.isAttentive) await this.#begin(performer);
    }
  }

  async #begin(performer: PerformerJson): Promise<void> {
    const { cluster, program } = this.#options;
    const { name, uid } = performer.metadata;
    const { image, config } = performer.spec;
    await tellCluster(cluster, 'PATCH', `${PERFORMERS}/${name}`, { metadata: { finalizers: [FINALIZER] } });
    await tellCluster(cluster, 'POST', PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `performer-${name}`,
        namespace: 'default',
        labels: { app: 'hourglass-performer', 'hourglass.eigenlayer.io/performer': name },
        ownerReferences: [
          {
            apiVersion: 'hourglass.eigenlayer.io/v1alpha1',
            kind: 'Performer',
            name,
            uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { nodeName: 'test-node', containers: [{ name: 'performer', image }] },
    });
    if (image.includes('missing')) {
      this.#pods.set(name, this.#podWithout(performer));
      const waiting = { reason: 'ErrImagePull', message: `${image}: not found` };
      await this.#tellPod(name, { waiting }, false);
      return this.#tell(name, { phase: 'Pending', ready: false });
    }
    const [port = 0] = await freePorts(1);
    const child = spawn(program[0] ?? '', program.slice(1), {
      env: {
        PATH: process.env.PATH,
        ...config.environment,
        ...(await this.#referred(config.environmentFrom ?? [])),
        SERVICE_ACCOUNT: config.serviceAccountName ?? '',
        PORT: String(port),
        GRPC_PORT: String(port),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pod: Pod = { ...this.#podWithout(performer), child };
    this.#pods.set(name, pod);
    const take = (chunk: Buffer) => {
      pod.output.push(chunk);
      if (chunk.includes(REFUSES_TO_END)) child.kill('SIGKILL');
      for (const reader of pod.readers) reader.write(chunk);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    pod.ended = once(child, 'close').then(([code, signal]) => this.#over(pod, code ?? (signal ? 137 : 1)));
    await this.#tellPod(name, { running: { startedAt: new Date().toISOString() } }, false);
    if (!(await listens(port, () => child.exitCode !== null))) return;
    await this.#tellPod(name, { running: { startedAt: new Date().toISOString() } }, true);
    await this.#tell(name, {
      phase: 'Running',
      ready: true,
      podName: `performer-${name}`,
      serviceName: `performer-${name}`,
      grpcEndpoint: (this.#options.endpoint ?? ((each) => `127.0.0.1:${each}`))(port),
    });
  }

  #podWithout(performer: PerformerJson): Pod {
    const ended = Promise.resolve();
    return { performer, output: [], readers: new Set(), child: undefined, ended, isEnding: false };
  }

  async #referred(
    references: NonNullable<PerformerJson['spec']['config']['environmentFrom']>,
  ): Promise<Readonly<Record<string, string>>> {
    const values: Record<string, string> = {};
    for (const { name, valueFrom } of references) {
      const { secretKeyRef, configMapKeyRef } = valueFrom;
      const at = secretKeyRef ? `secrets/${secretKeyRef.name}` : `configmaps/${configMapKeyRef?.name}`;
      const object = await tellCluster(this.#options.cluster, 'GET', `/api/v1/namespaces/default/${at}`);
      const { data = {} } = object as { data?: Record<string, string> };
      const found = data[(secretKeyRef ?? configMapKeyRef)?.key ?? ''] ?? '';
      values[name] = secretKeyRef ? Buffer.from(found, 'base64').toString('utf8') : found;
    }
    return values;
  }

  /** Asks its process to end, and kills it later. */
  #end(pod: Pod): void {
    if (pod.isEnding) return;
    pod.isEnding = true;
    const { child } = pod;
    child?.kill('SIGTERM');
    const kill = setTimeout(() => child?.kill('SIGKILL'), POD_GRACE_MS);
    void pod.ended.then(async () => {
      clearTimeout(kill);
      await this.#clear(pod.performer).catch(() => undefined);
    });
  }

  /** Its process has ended by itself, or was ended. */
  async #over(pod: Pod, exitCode: number): Promise<void> {
    for (const reader of pod.readers) reader.end();
    const { name } = pod.performer.metadata;
    try {
      const reason = exitCode === 0 ? 'Completed' : 'Error';
      await this.#tellPod(name, { terminated: { exitCode, reason } }, false);
      if (!pod.isEnding) await this.#tell(name, { phase: 'Running', ready: false });
    } catch {
      // Somebody has removed the objects, or the server is away.
    }
  }

  /** Pod and performer go, in the order of a garbage collector. */
  async #clear(performer: PerformerJson): Promise<void> {
    const { name } = performer.metadata;
    const { cluster } = this.#options;
    await askCluster(cluster, 'DELETE', `${PODS}/performer-${name}`, { gracePeriodSeconds: 0 });
    this.#pods.delete(name);
    await this.#release(performer);
  }

  async #release({ metadata: { name } }: PerformerJson): Promise<void> {
    await askCluster(this.#options.cluster, 'PATCH', `${PERFORMERS}/${name}`, {
      metadata: { finalizers: null },
    });
  }

  async #tell(name: string, status: unknown): Promise<void> {
    await tellCluster(this.#options.cluster, 'PATCH', `${PERFORMERS}/${name}/status`, { status });
  }

  async #tellPod(name: string, state: unknown, ready: boolean): Promise<void> {
    const image = this.#pods.get(name)?.performer.spec.image ?? '';
    const imageID = `registry.example/program@sha256:${'1a'.repeat(32)}`;
    await tellCluster(this.#options.cluster, 'PATCH', `${PODS}/performer-${name}/status`, {
      status: {
        phase: 'Running',
        containerStatuses: [{ name: 'performer', image, imageID, ready, restartCount: 0, state }],
      },
    });
  }

  #serveLog(podName: string, { searchParams }: URL, response: ServerResponse): void {
    const pod = this.#pods.get(podName.replace(/^performer-/, ''));
    response.writeHead(pod === undefined ? 404 : 200, { 'Content-Type': 'text/plain' });
    response.flushHeaders();
    if (pod === undefined) return void response.end();
    if (searchParams.get('sinceSeconds') === null) response.write(Buffer.concat(pod.output));
    const hasEnded = pod.child === undefined || pod.child.exitCode !== null || pod.child.signalCode !== null;
    if (hasEnded || searchParams.get('follow') !== 'true') return void response.end();
    pod.readers.add(response);
    response.on('close', () => pod.readers.delete(response));
  }
}

/** @returns false when it has ended before */
async function listens(port: number, hasEnded: () => boolean): Promise<boolean> {
  while (!hasEnded()) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return true;
    await sleep(LOOK_MS);
  }
  return false;
}
