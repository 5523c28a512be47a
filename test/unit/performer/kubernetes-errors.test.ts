import { describe, expect, test } from '@jest/globals';
import { kubernetesRefusal } from '../../../src/performer/kubernetes-errors.js';

const attempt = {
  what: 'start a performer',
  groupVersion: 'hourglass.eigenlayer.io/v1alpha1',
  namespace: 'avs',
};
const status = (message: string, details?: object) => ({
  kind: 'Status',
  message,
  ...(details && { details }),
});

describe('kubernetesRefusal', () => {
  test.each<[string, number, unknown, string, RegExp, RegExp | undefined]>([
    [
      'credentials',
      401,
      status('Unauthorized'),
      'KUBERNETES_REFUSED',
      /does not accept the credentials/,
      /service account/,
    ],
    [
      'a right',
      403,
      status(
        'performers.hourglass.eigenlayer.io is forbidden: User "system:serviceaccount:avs:x" cannot create resource "performers" in API group "hourglass.eigenlayer.io" in the namespace "avs"',
      ),
      'KUBERNETES_REFUSED',
      /^this node may not create performers in the namespace avs: the verb is missing$/,
      /rbac\.yaml/,
    ],
    [
      'a quota',
      403,
      status('performers "x" is forbidden: exceeded quota: performers'),
      'PERFORMER_UNAVAILABLE',
      /^the Kubernetes API server refused to start a performer: .*exceeded quota/,
      undefined,
    ],
    [
      'a group that is not there',
      404,
      '404 page not found',
      'KUBERNETES_REFUSED',
      /^the cluster has no Performer resource hourglass\.eigenlayer\.io\/v1alpha1$/,
      /kubectl apply -f deploy\/kubernetes\/performer-crd\.yaml/,
    ],
    [
      'a resource that is not there',
      404,
      status('the server could not find the requested resource', {}),
      'KUBERNETES_REFUSED',
      /no Performer resource/,
      /performer-crd\.yaml/,
    ],
    [
      'a namespace that is not there',
      404,
      status('namespaces "avs" not found', { name: 'avs', kind: 'namespaces' }),
      'KUBERNETES_REFUSED',
      /^the cluster has no namespace avs$/,
      /kubernetes\.namespace/,
    ],
    [
      'a field that is not known',
      400,
      status(
        'Performer in version "v1alpha1" cannot be handled: strict decoding error: unknown field "spec.config.environmentFrom"',
      ),
      'KUBERNETES_REFUSED',
      /does not know the field spec\.config\.environmentFrom$/,
      /older than this node/,
    ],
    [
      'a value that is not allowed',
      422,
      status('Performer is invalid: spec.image: too short'),
      'PERFORMER_UNAVAILABLE',
      /refused to start a performer: Performer is invalid/,
      undefined,
    ],
    [
      'one that is too busy',
      429,
      status('slow down'),
      'KUBERNETES_UNAVAILABLE',
      /failed to start a performer: slow down/,
      /readyz/,
    ],
    [
      'one that is ill',
      500,
      'etcd is gone',
      'KUBERNETES_UNAVAILABLE',
      /failed to start a performer: etcd is gone/,
      /readyz/,
    ],
  ])('error: %s', (_name, code, body, expected, message, advice) => {
    const error = kubernetesRefusal({ status: code, body }, attempt);
    expect(error.code).toBe(expected);
    expect(error.message).toMatch(message);
    if (advice === undefined) expect(error.advice).toBeUndefined();
    else expect(error.advice).toMatch(advice);
  });
});
