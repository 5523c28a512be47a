import { describe, expect, test } from '@jest/globals';
import { judgeAdoption } from '../../../src/performer/kubernetes-adoption.js';
import {
  type ApiObject,
  conditionOf,
  endpointOf,
  performerObject,
  readObject,
} from '../../../src/performer/kubernetes-object.js';
import type { ClusterSettings } from '../../../src/performer/runtime.js';
import { OWNER, programSpec } from '../../support/kubernetes-stage.js';
import { secretEnv } from '../../support/performer-contract.js';

const RESOURCE = { group: 'hourglass.eigenlayer.io', version: 'v1alpha1', namespace: 'avs' };
const IMAGE = { repository: 'ponos-test-program', tag: 'test' };
const spec = programSpec({ COLOUR: 'blue' });

function object(status: unknown, metadata: object = {}, of = spec): ApiObject {
  const made = performerObject(of, IMAGE, 'avs-performer-1', OWNER, RESOURCE);
  const read = readObject({
    ...made,
    metadata: { ...(made.metadata as object), uid: 'uid-1', ...metadata },
    status,
  });
  if (read === undefined) throw new Error('it is no object');
  return read;
}

describe('endpointOf', () => {
  const computed = 'performer-avs-performer-1.avs.svc.cluster.local:8080';

  test.each<[string, unknown, Partial<ClusterSettings>, string]>([
    ['nothing is said', undefined, {}, computed],
    ['the status says nothing', { phase: 'Running', grpcEndpoint: '' }, {}, computed],
    [
      'the status has no port',
      { grpcEndpoint: 'performer-a.b.svc.cluster.local' },
      {},
      'performer-a.b.svc.cluster.local:8080',
    ],
    ['the status has a port', { grpcEndpoint: '10.0.0.1:9000' }, {}, '10.0.0.1:9000'],
    [
      'it is overridden',
      { grpcEndpoint: '10.0.0.1:9000' },
      { endpointOverride: 'a.example:1' },
      'a.example:1',
    ],
    ['it is overridden without a port', undefined, { endpointOverride: 'a.example' }, 'a.example:8080'],
  ])('behavior: %s', (_name, status, settings, expected) => {
    const cluster = { envFrom: [], ...settings };
    expect(endpointOf(object(status), { ...spec, cluster }, RESOURCE)).toBe(expected);
  });
});

describe('conditionOf', () => {
  const conditions = [{ type: 'A', message: 'the first' }, { type: 'B', message: 'the last' }, { type: 'C' }];

  test.each<[unknown, object, object]>([
    [undefined, {}, { is: 'pending' }],
    [{ phase: 'Pending', ready: false }, {}, { is: 'pending' }],
    [{ phase: 'Running', ready: false }, {}, { is: 'pending' }],
    [{ phase: 'Running', ready: 'true' }, {}, { is: 'pending' }],
    [{ phase: 'Running', ready: true }, {}, { is: 'ready' }],
    [{ phase: 'Failed', ready: true }, {}, { is: 'over', reason: 'is in phase Failed' }],
    [{ phase: 'Failed', conditions }, {}, { is: 'over', reason: 'is in phase Failed: the last' }],
    [{ phase: 'Terminating' }, {}, { is: 'over', reason: 'is in phase Terminating' }],
    [
      { phase: 'Running', ready: true },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
      { is: 'over', reason: 'was removed by somebody else' },
    ],
  ])('behavior: %j %j', (status, metadata, expected) => {
    expect(conditionOf(object(status, metadata))).toEqual(expected);
  });
});

describe('judgeAdoption', () => {
  const ready = { phase: 'Running', ready: true };
  const claim = { owner: OWNER, uid: 'uid-1', spec, image: IMAGE };
  const useless = (reason: string) => ({ is: 'useless', reason });

  test('default: what would be made now is taken over', () => {
    // As an API server gives it back.
    const back = JSON.parse(JSON.stringify(object(ready))) as ApiObject;
    expect(judgeAdoption(back, claim)).toEqual({ is: 'ours', spec });
  });

  test('behavior: what another executor has made is not touched', () => {
    expect(judgeAdoption(object(ready), { ...claim, owner: { ...OWNER, l1ChainId: 1 } })).toEqual({
      is: 'foreign',
    });
  });

  test.each<[string, ApiObject, Partial<typeof claim>, object]>([
    ['made anew', object(ready, { uid: 'uid-2' }), {}, useless('somebody has made it anew')],
    ['not ready', object({ phase: 'Running' }), {}, useless('it is not ready')],
    ['failed', object({ phase: 'Failed' }), {}, useless('it is in phase Failed')],
    [
      'of another tag',
      object(ready),
      { image: { ...IMAGE, tag: 'other' } },
      useless('it differs in its image'),
    ],
    [
      'with another service account',
      object(ready),
      { spec: { ...spec, cluster: { envFrom: [], serviceAccountName: 'b' } } },
      useless('it differs in its service account'),
    ],
    [
      'with a reference more',
      object(ready),
      { spec: { ...spec, cluster: { envFrom: [{ name: 'A', source: 'secret', object: 'b', key: 'c' }] } } },
      useless('it differs in its variables'),
    ],
    [
      'with other limits',
      object(ready),
      { spec: { ...spec, resources: { ...spec.resources, cpus: 3 } } },
      useless('it differs in its limits'),
    ],
    [
      'without a value that is not known any more',
      object(ready),
      { spec: { ...spec, lostEnv: [{ name: 'API_KEY' }] } },
      useless('it differs in its variables'),
    ],
  ])('behavior: one that is %s is removed', (_name, found, changes, expected) => {
    expect(judgeAdoption(found, { ...claim, ...changes })).toEqual(expected);
  });

  test('behavior: values that are not known any more are read from it', () => {
    const lost = { ...spec, env: secretEnv({}), lostEnv: [{ name: 'COLOUR' }] };
    const judged = judgeAdoption(object(ready), { ...claim, spec: lost });
    expect(judged.is === 'ours' && judged.spec.env.get('COLOUR')?.reveal()).toBe('blue');
  });
});
