/** What an API server answers, and does not answer, in our words. Pure. */
import { PonosError } from '../base/error.js';
import { fieldAt, textAt } from './kubernetes-fields.js';

const RBAC_FILE = 'deploy/kubernetes/rbac.yaml';
const CRD_FILE = 'deploy/kubernetes/performer-crd.yaml';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What was tried, and on what. */
export interface Attempt {
  /** E.g. `start a performer`. */
  readonly what: string;
  /** `hourglass.eigenlayer.io/v1alpha1` */
  readonly groupVersion: string;
  readonly namespace: string;
}

/** @param server its URL */
export function kubernetesSilent(server: string, cause: unknown): PonosError {
  return new PonosError('KUBERNETES_UNAVAILABLE', {
    message: 'the Kubernetes API server does not answer',
    facts: { server },
    advice: 'Look whether it runs and is reached from here, with `kubectl get --raw /readyz`.',
    cause,
  });
}

/** An answer that is no success. */
export function kubernetesRefusal({ status, body }: Answer, attempt: Attempt): PonosError {
  const { what, groupVersion, namespace } = attempt;
  const said = textAt(body, 'message') ?? (typeof body === 'string' ? body.slice(0, 200) : '');
  if (status === 401) {
    return refused('the Kubernetes API server does not accept the credentials of this node', {
      advice: 'Check the token or the certificate of the kubeconfig, or the service account of the pod.',
    });
  }
  const [, verb, resource, group] = /cannot (\w+) resource "([^"]+)" in API group "([^"]*)"/.exec(said) ?? [];
  if (status === 403 && verb !== undefined) {
    return refused(
      `this node may not ${verb} ${resource} in the namespace ${namespace}: the verb is missing`,
      {
        facts: { verb, resource, apiGroup: group, user: /User "([^"]+)"/.exec(said)?.[1] },
        advice: `Apply ${RBAC_FILE} in that namespace, with the service account that this node runs as.`,
      },
    );
  }
  const missing = textAt(body, 'details', 'name');
  if (status === 404 && missing === undefined) {
    return refused(`the cluster has no Performer resource ${groupVersion}`, {
      advice: `Install it with \`kubectl apply -f ${CRD_FILE}\`, or check kubernetes.crdGroup and crdVersion.`,
    });
  }
  if (status === 404 && textAt(body, 'details', 'kind') === 'namespaces') {
    return refused(`the cluster has no namespace ${missing}`, {
      advice: 'Make it with `kubectl create namespace`, or check kubernetes.namespace.',
    });
  }
  const unknownField = status === 400 ? /unknown field "([^"]+)"/.exec(said)?.[1] : undefined;
  if (unknownField !== undefined) {
    return refused(`the Performer resource of the cluster does not know the field ${unknownField}`, {
      advice: `It is older than this node: \`kubectl apply -f ${CRD_FILE}\`, and update the Hourglass operator.`,
    });
  }
  if (status === 429 || status >= 500 || status === 0) {
    return new PonosError('KUBERNETES_UNAVAILABLE', {
      message: `the Kubernetes API server failed to ${what}: ${said}`,
      facts: { status },
      advice: 'Look whether it is well, with `kubectl get --raw "/readyz?verbose"`.',
    });
  }
  return new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the Kubernetes API server refused to ${what}: ${said}`,
    facts: { status },
  });
}

function refused(message: string, details: Omit<ConstructorParameters<typeof PonosError>[1], 'message'>) {
  return new PonosError('KUBERNETES_REFUSED', { message, ...details });
}

/** Whether it says that there is no such object: without a name, it is the resource that is not there. */
export function isMissing({ status, body }: Answer): boolean {
  return status === 404 && textAt(body, 'details', 'name') !== undefined;
}

/** Whether the events of a watch that are asked for are kept no more: by its status, or by that of its last event. */
export function isExpired(answer: unknown): boolean {
  return fieldAt(answer, 'status') === 410 || fieldAt(answer, 'code') === 410;
}
