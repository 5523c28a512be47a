/** Variables of a performer whose values nobody knows but the instance that runs with them. */
import { PonosError } from '../base/error.js';
import type { PerformerSpec } from './runtime.js';

/** Whether the spec can be adopted, and not deployed. */
export function hasLostEnv({ lostEnv = [] }: PerformerSpec): boolean {
  return lostEnv.length > 0;
}

/** @throws PonosError PERFORMER_UNAVAILABLE for a spec with such variables */
export function checkDeployable({ avs, lostEnv = [] }: PerformerSpec): void {
  if (lostEnv.length === 0) return;
  throw new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the performer needs to be deployed again: the values of ${lostEnv.join(', ')} came with a call and are not kept`,
    facts: { avs },
    advice: 'Deploy it again with the values, or give valueFromEnv, which outlives a restart.',
  });
}
