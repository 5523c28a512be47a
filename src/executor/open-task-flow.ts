/** The way of a task through an executor, put together from what the node has opened. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig } from '../config/types.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import type { PerformerPool } from '../performer/performer-pool.js';
import type { RegisteredKey } from '../protocol/registered-key.js';
import { createPeerLimiter } from '../rpc/peer-limiter.js';
import type { SigningKeys } from '../signer/load-signers.js';
import { Authority } from './admit-authority.js';
import { TaskSight } from './admit-task.js';
import { AvsSlots } from './avs-slots.js';
import type { L1Head } from './l1-head.js';
import type { OpenedAnswers } from './open-answers.js';
import type { ExecutorChains } from './open-chains.js';
import { RefusalLog } from './refusal-log.js';
import { TaskFlow } from './task-flow.js';

export interface OpenTaskFlowOptions extends OpenedAnswers {
  readonly config: Pick<ExecutorConfig, 'operator' | 'limits' | 'requireTaskOnChain'>;
  readonly signers: SigningKeys;
  /** The public halves of `signers`. */
  readonly ownKeys: readonly RegisteredKey[];
  readonly bn254: Bn254;
  readonly chains: ExecutorChains;
  readonly head: L1Head;
  readonly performers: PerformerPool;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Waiting tasks of an AVS for each one that may run. */
const WAITING_PER_SLOT = 4;

export function openTaskFlow(options: OpenTaskFlowOptions): TaskFlow {
  const { config, signers, ownKeys, bn254, chains, head, performers } = options;
  const { answers, intake, clock, logger } = options;
  const operator = config.operator.address;
  return new TaskFlow({
    intake,
    admit: {
      rules: { operator, maxPayloadBytes: config.limits.maxPayloadBytes },
      peers: createPeerLimiter({ clock, requestsPerSecond: config.limits.requestsPerSecondPerPeer }),
      performers,
      head,
      authority: new Authority({
        operator,
        ownKeys,
        reader: chains.authority,
        bn254,
        clock,
      }),
      sight: new TaskSight({ ...chains, requireTaskOnChain: config.requireTaskOnChain, clock, logger }),
    },
    run: {
      performers,
      slots: new AvsSlots({
        maxConcurrent: config.limits.maxConcurrentTasks,
        maxWaiting: config.limits.maxConcurrentTasks * WAITING_PER_SLOT,
      }),
      clock,
      maxTaskSeconds: config.limits.maxTaskSeconds,
      maxOutputBytes: config.limits.maxOutputBytes,
    },
    sign: { operator, signers: { bn254: signers.bls, ecdsa: signers.ecdsa } },
    store: answers,
    l1EcdsaVerifier: chains.l1EcdsaVerifier,
    refusals: new RefusalLog(logger, clock),
    clock,
    logger,
  });
}
