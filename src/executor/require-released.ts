/** `releases.require: latest`: only images that their AVSs have released are deployed. */
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type ReleasedImagesOptions, requireReleased } from '../chain/released-images.js';
import type { ExecutorConfig } from '../config/types.js';
import type { FirstPerformer } from '../performer/performer-pool.js';
import type { PerformerSpec } from '../performer/runtime.js';

/** @throws PonosError RELEASE_REFUSED, and those of the chain: what cannot be checked does not run */
export type RequireReleased = (spec: Pick<PerformerSpec, 'avs' | 'image'>) => Promise<void>;

export interface ReleaseRuleConfig extends Pick<ExecutorConfig, 'releases'> {
  readonly operator: Pick<ExecutorConfig['operator'], 'address'>;
}

/**
 * The rule of the configuration; undefined when any image may run.
 * @throws PonosError CONFIG_INVALID when the address of the ReleaseManager is not known
 */
export function releaseRule(
  { releases, operator }: ReleaseRuleConfig,
  chain: Omit<ReleasedImagesOptions, 'operator' | 'releaseManager'> &
    Partial<Pick<ReleasedImagesOptions, 'releaseManager'>>,
): RequireReleased | undefined {
  if (releases.require !== 'latest') return undefined;
  const { releaseManager } = chain;
  if (releaseManager === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `releases.require is latest, and no ReleaseManager is known on chain ${chain.l1.chainId}`,
      advice: 'Give its address under overrideContracts.releaseManager.',
    });
  }
  const options = { ...chain, releaseManager, operator: operator.address };
  return async ({ avs, image }) => {
    if (image === undefined) {
      throw new PonosError('RELEASE_REFUSED', {
        message: 'releases.require is latest, and this performer is a process without a digest',
        facts: { avs },
        advice: 'Use deploymentMode docker or kubernetes, or set releases.require to any.',
      });
    }
    await requireReleased({ avs, ...image }, options);
  };
}

/**
 * Of the performers that the node starts with, those that may run. What a call has deployed before and is released no
 * more is left out, since only another call can mend it; one of the configuration ends the start.
 * @throws PonosError as the rule
 */
export async function releasedFirst(
  performers: readonly FirstPerformer[],
  rule: RequireReleased | undefined,
  logger: Logger,
): Promise<FirstPerformer[]> {
  if (rule === undefined) return [...performers];
  const released: FirstPerformer[] = [];
  for (const performer of performers) {
    const { spec, isEssential } = performer;
    try {
      await rule(spec);
      released.push(performer);
    } catch (error) {
      if (isEssential || !isPonosError(error, 'RELEASE_REFUSED')) throw error;
      logger.error('a performer that was deployed by a call is not started', {
        avs: spec.avs,
        error,
        advice: error.advice,
      });
    }
  }
  return released;
}
