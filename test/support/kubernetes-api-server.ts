/**
 * An API server of a cluster in the test's process: real HTTPS, lists and watches with versions, objects checked against
 * our own resource definition, callers against our own roles. Without a cluster behind it.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as requestByHttps, type Server } from 'node:https';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { freePorts } from '../../src/base/free-ports.js';
import type { TestCertificate } from './certificates.js';
import { isJson, type Json, mergePatch, Resources, type StoredObject } from './kubernetes-resources.js';

const CRD_FILE = 'deploy/kubernetes/performer-crd.yaml';
const RBAC_FILE = 'deploy/kubernetes/rbac.yaml';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** May do everything. */
export const ADMIN_TOKEN = 'admin-token';
/** May do what our roles say. */
export const EXECUTOR_TOKEN = 'executor-token';

interface Target {
  readonly group: string;
  readonly resource: string;
  /** Group, version, namespace and resource. */
  readonly collection: string;
  readonly name?: string;
  readonly sub?: string;
}

export class KubernetesApiServer {
  readonly resources = new Resources();
  /** Requests, as `LIST performers`. */
  readonly requests: string[] = [];
  /** What the executor may do. */
  #rules = rolesOf(readFileSync(RBAC_FILE, 'utf8'));
  #watches = true;
  readonly #certificate: TestCertificate;
  readonly #streams = new Set<ServerResponse>();
  #validate: ValidateFunction | undefined = validatorOf(readFileSync(CRD_FILE, 'utf8'));
  #server: Server | undefined;
  #port = 0;

  constructor(certificate: TestCertificate) {
    this.#certificate = certificate;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  withoutRules(...resources: readonly string[]): void {
    this.#rules = this.#rules.filter((rule) => !rule.resources.some((each) => resources.includes(each)));
  }

  withAllRules(): void {
    this.#rules = rolesOf(readFileSync(RBAC_FILE, 'utf8'));
  }

  /** Fails all that would last. @returns what ends that */
  refuseWatches(): () => void {
    this.#watches = false;
    return () => {
      this.#watches = true;
    };
  }

  /** The cluster knows no performers from now on. */
  dropResource(): void {
    this.#validate = undefined;
  }

  /** Has the definition of the resource with changes. */
  changeResource(change: (text: string) => string): void {
    this.#validate = validatorOf(change(readFileSync(CRD_FILE, 'utf8')));
  }

  async start(): Promise<void> {
    // One that it can have again later.
    if (this.#port === 0) [this.#port = 0] = await freePorts(1);
    const server = createServer(this.#certificate, (request, response) => {
      this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  /** Its objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** Breaks all that last. */
  cutStreams(): void {
    for (const stream of [...this.#streams]) stream.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const target = targetOf(url.pathname);
    const isWatch = url.searchParams.get('watch') === 'true';
    if (target === undefined || (target.resource === 'performers' && this.#validate === undefined)) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('404 page not found\n');
      return;
    }
    const verb = verbOf(request.method ?? '', target, isWatch);
    this.requests.push(`${verb.toUpperCase()} ${target.resource}`);
    const refusal = this.#refusalOf(request.headers.authorization, verb, target);
    if (refusal !== undefined) return answer(response, refusal.code, refusal);
    if (target.sub === 'log') return this.#log(target, url, response);
    if (isWatch && !this.#watches)
      return answer(response, 500, statusOf(500, 'InternalError', 'no watches now'));
    if (isWatch) return this.#watch(target, url.searchParams, response);
    const [status, body] = this.#act(verb, target, url.searchParams, await bodyOf(request));
    answer(response, status, body);
  }

  #refusalOf(authorization: string | undefined, verb: string, { group, resource, sub }: Target) {
    if (authorization === `Bearer ${ADMIN_TOKEN}`) return undefined;
    if (authorization !== `Bearer ${EXECUTOR_TOKEN}`) return statusOf(401, 'Unauthorized', 'Unauthorized');
    const full = sub === undefined ? resource : `${resource}/${sub}`;
    const allowed = this.#rules.some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.includes(group) && resources.includes(full) && verbs.includes(verb),
    );
    if (allowed) return undefined;
    return statusOf(
      403,
      'Forbidden',
      `${resource} is forbidden: User "system:serviceaccount:default:ponos-executor" cannot ${verb} resource "${full}" in API group "${group}" in the namespace "default"`,
    );
  }

  #act(verb: string, target: Target, query: URLSearchParams, body: unknown): [number, unknown] {
    const { collection, resource, name = '' } = target;
    if (verb === 'list') {
      const metadata = { resourceVersion: String(this.resources.version) };
      return [200, { kind: 'List', metadata, items: this.#selected(collection, query) }];
    }
    if (verb === 'create') return this.#create(target, query, body);
    const found = this.resources.get(collection, name);
    if (found === undefined) {
      return [404, statusOf(404, 'NotFound', `${resource} "${name}" not found`, { name, kind: resource })];
    }
    if (verb === 'get') return [200, found];
    if (verb === 'delete') {
      const isForeground = isJson(body) && body.propagationPolicy === 'Foreground';
      return [200, this.resources.delete(collection, found, isForeground) ?? statusOf(200, 'Success', '')];
    }
    const patch = target.sub === 'status' && isJson(body) ? { status: body.status } : body;
    const patched = mergePatch(found, patch) as StoredObject;
    const problem = this.#problemOf(target, patched);
    if (problem !== undefined) return problem;
    return [200, this.resources.update(collection, patched) ?? patched];
  }

  #create(target: Target, query: URLSearchParams, body: unknown): [number, unknown] {
    const { collection, resource } = target;
    const metadata = isJson(body) && isJson(body.metadata) ? body.metadata : {};
    const name = String(metadata.name ?? '');
    if (!isJson(body) || name === '') return [422, statusOf(422, 'Invalid', 'metadata.name is missing')];
    if (this.resources.get(collection, name) !== undefined) {
      return [409, statusOf(409, 'AlreadyExists', `${resource} "${name}" already exists`, { name })];
    }
    const copy = structuredClone(body) as Json;
    const problem = this.#problemOf(target, copy);
    const isStrict = query.get('fieldValidation') === 'Strict';
    if (problem !== undefined && (isStrict || problem[0] !== 400)) return problem;
    return [201, this.resources.create(collection, copy)];
  }

  #problemOf({ resource }: Target, object: Json): [number, unknown] | undefined {
    if (resource !== 'performers' || this.#validate === undefined || this.#validate(object)) return undefined;
    const [error] = this.#validate.errors ?? [];
    const path = error?.instancePath.slice(1).replaceAll('/', '.');
    if (error?.keyword === 'additionalProperties') {
      const field = `${path}.${String(error.params.additionalProperty)}`;
      return [400, statusOf(400, 'BadRequest', `strict decoding error: unknown field "${field}"`)];
    }
    return [422, statusOf(422, 'Invalid', `Performer is invalid: ${path}: ${error?.message}`)];
  }

  #selected(collection: string, query: URLSearchParams): readonly StoredObject[] {
    return this.resources.list(collection).filter((object) => isSelected(object, query));
  }

  #watch({ collection }: Target, query: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const write = (event: unknown) => response.write(`${JSON.stringify(event)}\n`);
    const missed = this.resources.since(collection, Number(query.get('resourceVersion') ?? 0));
    if (missed === undefined) {
      write({ type: 'ERROR', object: statusOf(410, 'Expired', 'too old resource version') });
      response.end();
      return;
    }
    response.flushHeaders();
    for (const { type, object } of missed) if (isSelected(object, query)) write({ type, object });
    const stop = this.resources.onChange(({ type, object, collection: changed }) => {
      if (changed === collection && isSelected(object, query)) write({ type, object });
    });
    this.#streams.add(response);
    response.on('close', () => {
      stop();
      this.#streams.delete(response);
    });
  }

  /** As the real one: the agent of the pod's node has it. */
  #log({ collection, name = '' }: Target, { searchParams }: URL, response: ServerResponse): void {
    const node = this.resources.list('v1/nodes')[0];
    const status = node?.status as { daemonEndpoints?: { kubeletEndpoint?: { Port?: number } } } | undefined;
    const port = status?.daemonEndpoints?.kubeletEndpoint?.Port;
    if (port === undefined || this.resources.get(collection, name) === undefined) {
      answer(response, 404, statusOf(404, 'NotFound', `pods "${name}" not found`, { name }));
      return;
    }
    const container = searchParams.get('container') ?? 'performer';
    const path = `/containerLogs/default/${name}/${container}?${searchParams.toString()}`;
    const asked = requestByHttps({ port, path, rejectUnauthorized: false }, (log) => {
      response.writeHead(log.statusCode ?? 500);
      log.pipe(response);
      this.#streams.add(response);
    });
    asked.on('error', (error) => response.destroy(error)).end();
    response.on('close', () => {
      asked.destroy();
      this.#streams.delete(response);
    });
  }
}

function targetOf(path: string): Target | undefined {
  const found =
    /^\/api(?:s\/([^/]+))?\/([^/]+)(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/.exec(
      path,
    );
  if (found === null) return undefined;
  const [, group = '', version = '', namespace, resource = '', name, sub] = found;
  if (group !== '' && group !== 'hourglass.eigenlayer.io') return undefined;
  const collection = [group, version, namespace, resource].filter(Boolean).join('/');
  return { group, resource, collection, ...(name && { name }), ...(sub && { sub }) };
}

function verbOf(method: string, { name }: Target, isWatch: boolean): string {
  if (isWatch) return 'watch';
  if (method === 'GET') return name === undefined ? 'list' : 'get';
  return { POST: 'create', DELETE: 'delete', PATCH: 'patch' }[method] ?? method;
}

function isSelected({ metadata }: StoredObject, query: URLSearchParams): boolean {
  const [, name] = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '') ?? [];
  if (name !== undefined && name !== metadata.name) return false;
  const labels = (query.get('labelSelector') ?? '').split(',').filter((each) => each !== '');
  return labels.every((each) => {
    const [key = '', value] = each.split('=');
    return metadata.labels?.[key] === value;
  });
}

function statusOf(code: number, reason: string, message: string, details?: Json) {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message,
    ...(details && { details }),
  };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function rolesOf(text: string): readonly Rule[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as { kind: string; rules?: Rule[] })
    .flatMap(({ kind, rules = [] }) => (kind === 'Role' ? rules : []));
}

function validatorOf(text: string): ValidateFunction {
  const { spec } = parse(text) as { spec: { versions: { schema: { openAPIV3Schema: Json } }[] } };
  const schema = strict(spec.versions[0]?.schema.openAPIV3Schema);
  return new Ajv({ strict: false, validateFormats: false, useDefaults: true }).compile(schema as Json);
}

/** What is not named is not allowed, as with `fieldValidation=Strict`. */
function strict(schema: unknown, isMetadata = false): unknown {
  if (Array.isArray(schema)) return schema.map((each) => strict(each));
  if (!isJson(schema)) return schema;
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] };
  const inner = Object.entries(schema).map(([name, value]) => [
    name,
    name === 'properties' && isJson(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, each]) => [key, strict(each, key === 'metadata')]),
        )
      : strict(value),
  ]);
  const isOpen = isMetadata || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const isClosed = isJson(schema.properties) && schema.additionalProperties === undefined && !isOpen;
  return { ...Object.fromEntries(inner), ...(isClosed && { additionalProperties: false }) };
}
