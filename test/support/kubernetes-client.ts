/** What a test asks of an API server, as one who may do everything. */
import { request } from 'node:https';

export interface Cluster {
  readonly url: string;
  /** Of the API server, PEM. */
  readonly ca: string;
  readonly adminToken: string;
}

type Method = 'GET' | 'POST' | 'DELETE' | 'PATCH';

export interface ClusterAnswer {
  readonly status: number;
  readonly body: unknown;
}

export const PERFORMERS = '/apis/hourglass.eigenlayer.io/v1alpha1/namespaces/default/performers';
export const PODS = '/api/v1/namespaces/default/pods';

/** @throws what the connection says */
export function askCluster(
  { url, ca, adminToken }: Cluster,
  method: Method,
  path: string,
  body?: unknown,
): Promise<ClusterAnswer> {
  return new Promise((resolve, reject) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      Authorization: `Bearer ${adminToken}`,
      ...(bytes && { 'Content-Type': type, 'Content-Length': bytes.length }),
    };
    const asked = request(`${url}${path}`, { method, ca, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text });
      });
    });
    asked.on('error', reject).end(bytes);
  });
}

/** The same, which must succeed. */
export async function tellCluster(
  cluster: Cluster,
  method: Method,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await askCluster(cluster, method, path, body);
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}
