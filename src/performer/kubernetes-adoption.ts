/** Whether an object that a former run has made is what would be made now. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { fieldAt, textsAt } from './kubernetes-fields.js';
import { type ApiObject, conditionOf, performerObjectSpec } from './kubernetes-object.js';
import { recoverLostEnv } from './lost-env.js';
import { isOwnedBy, type PerformerOwner } from './performer-identity.js';
import type { PerformerImage, PerformerSpec } from './runtime.js';

export interface Claim {
  readonly owner: PerformerOwner;
  /** The `uid` that was stored. */
  readonly uid: string | undefined;
  readonly spec: PerformerSpec;
  /** What `spec.image` must be. */
  readonly image: PerformerImage;
}

/** What becomes of it: it is taken over with this spec, removed, or not touched. */
export type Adoption =
  | { readonly is: 'ours'; readonly spec: PerformerSpec }
  | { readonly is: 'useless'; readonly reason: string }
  | { readonly is: 'foreign' };

/** @returns with `ours`, the spec with the values of its `lostEnv`, read from the object */
export function judgeAdoption(object: ApiObject, { owner, uid, spec: asked, image }: Claim): Adoption {
  if (!isOwnedBy(owner, object.labels)) return { is: 'foreign' };
  if (object.uid !== uid) return { is: 'useless', reason: 'somebody has made it anew' };
  const spec = recoverLostEnv(asked, variablesOf(object));
  const difference = spec === undefined ? 'its variables' : differenceTo(spec, image, object);
  if (spec === undefined || difference !== undefined) {
    return { is: 'useless', reason: `it differs in ${difference}` };
  }
  const condition = conditionOf(object);
  if (condition.is === 'ready') return { is: 'ours', spec };
  return { is: 'useless', reason: condition.is === 'over' ? `it ${condition.reason}` : 'it is not ready' };
}

const variablesOf = (object: ApiObject) =>
  new Map(Object.entries(textsAt(object.spec, 'config', 'environment')));

/** The first thing in which the object differs from what would be created now, in words. */
function differenceTo(spec: PerformerSpec, image: PerformerImage, object: ApiObject): string | undefined {
  const wanted = performerObjectSpec(spec, image);
  const differs = (...path: string[]) =>
    !isDeepStrictEqual(fieldAt(object.spec, ...path), fieldAt(wanted, ...path));
  if (differs('image')) return 'its image';
  if (differs('config', 'args')) return 'its arguments';
  if (differs('config', 'environment') || differs('config', 'environmentFrom')) return 'its variables';
  if (differs('config', 'serviceAccountName')) return 'its service account';
  if (differs('config', 'grpcPort')) return 'its port';
  return differs('resources', 'limits') ? 'its limits' : undefined;
}
