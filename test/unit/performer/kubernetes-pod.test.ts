import { describe, expect, test } from '@jest/globals';
import { type ApiObject, readObject } from '../../../src/performer/kubernetes-object.js';
import {
  containerOf,
  endReason,
  hasStarted,
  imageIdOf,
  startHindrance,
  startProblem,
} from '../../../src/performer/kubernetes-pod.js';

const DIGEST = `sha256:${'1a'.repeat(32)}`;

function pod(status: object): ApiObject {
  const spec = { containers: [{ name: 'performer' }, { name: 'proxy' }] };
  const read = readObject({ metadata: { name: 'performer-a', uid: 'u' }, spec, status });
  if (read === undefined) throw new Error('it is no object');
  return read;
}

const container = (facts: object) => pod({ phase: 'Running', containerStatuses: [facts, { name: 'proxy' }] });
const waiting = (reason: string, message?: string) => container({ state: { waiting: { reason, message } } });

describe('why it does not come to run', () => {
  test.each<[ApiObject, string | undefined, string | undefined]>([
    [pod({ phase: 'Pending' }), undefined, undefined],
    [container({ state: { running: {} } }), undefined, undefined],
    [waiting('ContainerCreating'), undefined, undefined],
    [waiting('ErrImagePull', 'a:b: not found'), 'IMAGE_PULL_FAILED', 'ErrImagePull: a:b: not found'],
    [waiting('ImagePullBackOff'), 'IMAGE_PULL_FAILED', 'ImagePullBackOff'],
    [
      waiting('CreateContainerConfigError', 'secret "my-avs" not found'),
      'PERFORMER_UNAVAILABLE',
      'CreateContainerConfigError: secret "my-avs" not found',
    ],
    [
      container({
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 3 } },
      }),
      'PERFORMER_UNAVAILABLE',
      'exited with code 3',
    ],
  ])('behavior: case %#', (found, code, reason) => {
    expect(startProblem(found)).toEqual(code === undefined ? undefined : { code, reason });
  });

  test('behavior: a cluster without room is what it waits for', () => {
    const conditions = [
      { type: 'PodScheduled', status: 'False', message: '0/1 nodes are available: Insufficient cpu' },
    ];
    expect(startHindrance(pod({ phase: 'Pending', conditions }))).toBe(
      '0/1 nodes are available: Insufficient cpu',
    );
    expect(startHindrance(waiting('ContainerCreating'))).toBe('ContainerCreating');
  });
});

describe('why it ended', () => {
  test.each<[ApiObject, string | undefined]>([
    [container({ state: { running: {} } }), undefined],
    [container({ state: { terminated: { exitCode: 0 } } }), 'exited with code 0'],
    [container({ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }), 'ran out of memory'],
    [container({ state: { running: {} }, lastState: { terminated: { exitCode: 9 } } }), 'exited with code 9'],
    [
      pod({ phase: 'Failed', reason: 'Evicted', message: 'the node was low on memory' }),
      'was ended by the cluster: Evicted: the node was low on memory',
    ],
    [pod({ phase: 'Failed' }), 'was ended by the cluster'],
  ])('behavior: case %#', (found, reason) => {
    expect(endReason(found)).toBe(reason);
  });
});

test('default: the first container is the performer', () => {
  const found = container({ imageID: `docker.io/a/b@${DIGEST}`, state: { running: {} } });
  expect([containerOf(found), imageIdOf(found), hasStarted(found)]).toEqual(['performer', DIGEST, true]);
  expect([imageIdOf(waiting('x')), hasStarted(waiting('x'))]).toEqual([undefined, false]);
});
