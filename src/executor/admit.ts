/** Stage 1, admit: the checks between the wire and the performer. Their order is law: cheapest first. */
import { PonosError } from '../base/error.js';
import type { CurveName } from '../crypto/curve.js';
import type { PerformerPool } from '../performer/performer-pool.js';
import type { TaskSubmission } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { PeerLimiter } from '../rpc/peer-limiter.js';
import type { Authority } from './admit-authority.js';
import { parseSubmission, type ShapeRules } from './admit-shape.js';
import type { FoundTask, TaskSight } from './admit-task.js';
import type { L1Head } from './l1-head.js';
import type { Submission } from './submission.js';

export interface AdmitDependencies {
  readonly rules: ShapeRules;
  readonly peers: PeerLimiter;
  readonly performers: Pick<PerformerPool, 'check'>;
  readonly head: L1Head;
  readonly authority: Authority;
  readonly sight: TaskSight;
}

/** A submission that may be answered. */
export interface Admitted {
  readonly submission: Submission;
  /** Curve of the task's operator set: with which key the result is signed. */
  readonly curve: CurveName;
  /** Undefined when no mailbox in sight knows the task. */
  readonly found: FoundTask | undefined;
}

/**
 * Admits a submission or says why not. Nothing that is stored is given out before this has passed.
 * @param peer gRPC's `address:port` of the caller
 * @param signal the caller's
 * @throws PonosError REQUEST_INVALID, REQUEST_DENIED, REQUEST_LIMIT, PERFORMER_MISSING, PERFORMER_UNAVAILABLE,
 *   OPERATOR_KEY_MISMATCH, CHAIN_UNREACHABLE, CHAIN_RPC, ABORTED
 */
export async function admit(
  request: TaskSubmission,
  peer: string,
  deps: AdmitDependencies,
  signal?: AbortSignal,
): Promise<Admitted> {
  const submission = parseSubmission(request, deps.rules);
  deps.peers.admit(peer);
  deps.performers.check(submission.operatorSet.avs);
  const { head, block } = await deps.head.admit(submission.taskBlockNumber, signal);
  const curve = await deps.authority.admit(submission, head.number, block);
  const found = await deps.sight.admit(submission);
  checkCurve(curve, found);
  return { submission, curve, found };
}

function checkCurve(curve: CurveName, found: FoundTask | undefined): void {
  const reason = found?.chain.refusedCurves.get(curve);
  if (reason === undefined) return;
  throw new PonosError('TASK_REFUSED', {
    message: `${curve} results are not signed for this chain: ${reason}`,
    facts: { chainId: found?.chain.chainId },
  });
}
