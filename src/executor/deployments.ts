/** Deployments that calls have asked for. They are the node's: a caller that hangs up ends none of them. */
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { valuesNotKept } from '../performer/lost-env.js';
import type { ProgressListener } from '../performer/runtime.js';
import type { PerformerChanges } from '../performer/spec-from-config.js';
import type { Deployed } from '../performer/supervised-performer.js';
import type { PerformerControl } from './performer-control.js';

export interface DeployedByCall extends Deployed {
  /** Variables whose values came with the call: a restart of the node takes the performer out of service. */
  readonly notKept: readonly string[];
}

export interface Deployments {
  /**
   * Resolves when the performer is in service.
   * @throws PonosError as `PerformerControl.deploy`, the message with all that is known of the reason; DEPLOYMENT_FAILED
   *   for a performer that did not come to serve
   */
  start(changes: PerformerChanges, onProgress: ProgressListener): Promise<DeployedByCall>;
  /** Gives up those that are under way. */
  close(): Promise<void>;
}

/** What outlives a restart. */
export const KEEP_VALUES =
  "Give valueFromEnv (--env-from), a value from the node's own environment, or put the variable into avsPerformers[].envs of its configuration.";

export function openDeployments(control: Pick<PerformerControl, 'deploy'>, logger: Logger): Deployments {
  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();

  async function deploy(changes: PerformerChanges, onProgress: ProgressListener): Promise<DeployedByCall> {
    const { avs, image, envs } = changes;
    logger.info('a performer is being deployed on request', { avs, ...image });
    try {
      const deployed = await control.deploy(changes, onProgress, closing.signal);
      const { performerId: performer } = deployed;
      logger.info('a performer was deployed on request', { avs, ...image, performer });
      const notKept = valuesNotKept(envs);
      if (notKept.length > 0) {
        logger.warn(
          'a performer has values that came with the call and are not kept: a restart of this node takes it out of service',
          { avs, performer, variables: notKept.join(', '), advice: KEEP_VALUES },
        );
      }
      return { ...deployed, notKept };
    } catch (error) {
      logger.warn('a deployment on request came to nothing; what was in service stays', { avs, error });
      throw failureOf(error, closing.signal);
    }
  }

  return {
    start(changes, onProgress) {
      const run = deploy(changes, onProgress);
      const settled: Promise<unknown> = run.catch(() => undefined).finally(() => underWay.delete(settled));
      underWay.add(settled);
      return run;
    },
    async close() {
      closing.abort(new PonosError('ABORTED', { message: 'this node is shutting down' }));
      await Promise.all(underWay);
    },
  };
}

/** Whoever may deploy is the operator: all that is known may be told. */
function failureOf(error: unknown, closing: AbortSignal): unknown {
  if (!isPonosError(error) || error.kind === 'bug') return error;
  const isGivenUp = error.kind === 'aborted' && !closing.aborted;
  const isFailed = isGivenUp || error.code === 'PERFORMER_UNAVAILABLE';
  return new PonosError(isFailed ? 'DEPLOYMENT_FAILED' : error.code, {
    message: explain(error),
    advice: error.advice,
    cause: error,
  });
}
