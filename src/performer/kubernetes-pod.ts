/** What the pod of a performer tells: why it does not run, why it ended. Pure. */
import type { ErrorCode } from '../base/error-codes.js';
import { fieldAt, listAt, textAt } from './kubernetes-fields.js';
import type { ApiObject } from './kubernetes-object.js';

export interface PodProblem {
  readonly code: Extract<ErrorCode, 'PERFORMER_UNAVAILABLE' | 'IMAGE_PULL_FAILED'>;
  readonly reason: string;
}

/** Of a container that waits: nothing but another spec, or another image, mends it soon. */
const WAITS_IN_VAIN = [
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'InvalidImageName',
  'RunContainerError',
];
/** The cluster goes on trying to pull it, and so do we. */
const PULLS_IN_VAIN = ['ErrImagePull', 'ImagePullBackOff'];

/** The performer's: others that a cluster adds come after it. */
const statusOf = ({ status }: ApiObject): unknown => listAt(status, 'containerStatuses')[0];

/** Its name in the pod. */
export function containerOf({ spec }: ApiObject): string | undefined {
  return textAt(listAt(spec, 'containers')[0], 'name');
}

/** `sha256:…` of the image that it runs, where the cluster says so. */
export function imageIdOf(pod: ApiObject): string | undefined {
  return /sha256:[0-9a-f]{64}$/.exec(textAt(statusOf(pod), 'imageID') ?? '')?.[0];
}

/** Why it will not come to run; undefined as long as it may. */
export function startProblem(pod: ApiObject): PodProblem | undefined {
  const end = endReason(pod);
  if (end !== undefined) return { code: 'PERFORMER_UNAVAILABLE', reason: end };
  const waiting = fieldAt(statusOf(pod), 'state', 'waiting');
  const reason = textAt(waiting, 'reason') ?? '';
  const message = textAt(waiting, 'message');
  const words = message === undefined ? reason : `${reason}: ${message}`;
  if (PULLS_IN_VAIN.includes(reason)) return { code: 'IMAGE_PULL_FAILED', reason: words };
  if (WAITS_IN_VAIN.includes(reason)) return { code: 'PERFORMER_UNAVAILABLE', reason: words };
  return undefined;
}

/** What it waits for, for a person to read: a node that has room, an image, … */
export function startHindrance(pod: ApiObject): string | undefined {
  const unmet = listAt(pod.status, 'conditions').find((each) => fieldAt(each, 'status') === 'False');
  return (
    textAt(statusOf(pod), 'state', 'waiting', 'reason') ?? textAt(unmet, 'message') ?? textAt(unmet, 'reason')
  );
}

/** Why its container has ended, be it that it was started again since; undefined when it never has. */
export function endReason(pod: ApiObject): string | undefined {
  const status = statusOf(pod);
  const ended = fieldAt(status, 'state', 'terminated') ?? fieldAt(status, 'lastState', 'terminated');
  if (ended !== undefined) {
    if (textAt(ended, 'reason') === 'OOMKilled') return 'ran out of memory';
    return `exited with code ${String(fieldAt(ended, 'exitCode') ?? 'unknown')}`;
  }
  if (textAt(pod.status, 'phase') !== 'Failed') return undefined;
  const words = [textAt(pod.status, 'reason'), textAt(pod.status, 'message')].filter(Boolean).join(': ');
  return `was ended by the cluster${words === '' ? '' : `: ${words}`}`;
}

/** Whether it says itself that it does not serve: there is nothing more to be told by it. */
export function isUnready(pod: ApiObject): boolean {
  return fieldAt(statusOf(pod), 'ready') === false;
}

/** Whether its container has ever run: from then on there is output. */
export function hasStarted(pod: ApiObject): boolean {
  const status = statusOf(pod);
  const states = [
    ['state', 'running'],
    ['state', 'terminated'],
    ['lastState', 'terminated'],
  ] as const;
  return states.some((path) => fieldAt(status, ...path) !== undefined);
}
