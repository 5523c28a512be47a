/** The executor's memory of its answers, with what takes care of it: sweeps, and the recovery of a store that has failed. */
import { operatorSetKey } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { CloseStack } from '../base/close-stack.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig } from '../config/types.js';
import { createExecutorStore, type ExecutorStore } from '../store/executor-store.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { encodeRecord } from '../store/record-codec.js';
import { storeKey } from '../store/store-key.js';
import { Intake } from './intake.js';
import type { L1Head } from './l1-head.js';
import type { ExecutorChains } from './open-chains.js';
import { retentionRules, runRetention } from './retention.js';
import { recoverStore } from './store-recovery.js';

export interface OpenAnswersOptions {
  readonly store: KeyValueStore;
  readonly chains: Pick<ExecutorChains, 'taskSeconds'>;
  readonly head: Pick<L1Head, 'current'>;
  readonly config: Pick<ExecutorConfig, 'limits' | 'retention' | 'l1Chain' | 'chains'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends what is started here. */
  readonly stack: CloseStack;
}

export interface OpenedAnswers {
  readonly answers: ExecutorStore;
  /** Closed to work until it is opened. */
  readonly intake: Intake;
}

/** @throws PonosError STORE_UNAVAILABLE */
export async function openAnswers(options: OpenAnswersOptions): Promise<OpenedAnswers> {
  const answers = createExecutorStore(options.store);
  await reportAbandoned(answers, options.logger);
  startSweeping(answers, options);
  return { answers, intake: openIntake(options) };
}

/** What a process that was killed has left: nothing was signed for it, so it runs again when it is asked for again. */
async function reportAbandoned(answers: ExecutorStore, logger: Logger): Promise<void> {
  for (const { avs, operatorSetId, taskId, startedAtMs } of await answers.takeAbandoned()) {
    logger.warn('a task was under way when this node died; nothing was signed for it', {
      taskId,
      operatorSet: operatorSetKey({ avs, id: operatorSetId }),
      startedAt: new Date(startedAtMs).toISOString(),
    });
  }
}

function startSweeping(answers: ExecutorStore, options: OpenAnswersOptions): void {
  const { chains, head, config, clock, logger, stack } = options;
  const { limits, retention, l1Chain } = config;
  const closing = new AbortController();
  const sweeping = runRetention(
    {
      store: answers,
      rules: retentionRules({
        taskDays: retention.taskDays,
        maxTaskBlockAgeDays: limits.maxTaskBlockAgeDays,
        maxReorgDepths: [l1Chain, ...config.chains].map(({ maxReorgDepth }) => maxReorgDepth),
        taskSeconds: [limits.maxTaskSeconds, ...chains.taskSeconds],
      }),
      sweepSeconds: retention.sweepSeconds,
      // The earlier of both clocks: a wrong one of this machine must not take away what a chain still asks for.
      nowSeconds: async () => Math.min(clock.nowMs() / 1_000, (await head.current()).timestampSeconds),
      clock,
      logger,
    },
    closing.signal,
  );
  stack.add('the sweep of old answers', () => {
    closing.abort();
    return sweeping;
  });
}

/** Takes work once opened; after a failed write it stops taking it until writing works again. */
function openIntake({ store, config, clock, logger, stack }: OpenAnswersOptions): Intake {
  const write = () => touch(store, config.limits.maxOutputBytes);
  const closing = new AbortController();
  let recovery: Promise<void> = Promise.resolve();
  const intake: Intake = new Intake({
    onStoreFailure: () => {
      recovery = recoverStore({ intake, write, clock }, closing.signal).catch((error: unknown) =>
        logger.error('the store cannot be recovered; restart the node', { error }),
      );
    },
    logger,
  });
  stack.add('the recovery of the store', () => {
    closing.abort();
    return recovery;
  });
  return intake;
}

/** A synced write as large as the largest answer, which leaves nothing behind. */
function touch(store: KeyValueStore, bytes: number): Promise<void> {
  const key = storeKey('touch');
  return store.batch([
    { type: 'put', key, value: encodeRecord(key, new Uint8Array(bytes)) },
    { type: 'delete', key },
  ]);
}
