/** `ponos aggregator start`: from the command line to a node that watches, until it is told to stop. */
import { type Aggregator, createAggregator } from '../aggregator/aggregator.js';
import { toHex } from '../base/bytes.js';
import { systemClock } from '../base/clock.js';
import { CloseStack } from '../base/close-stack.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { closeFilesToOthers } from '../base/umask.js';
import type { FlagValues } from '../config/flags.js';
import { loadConfig } from '../config/load.js';
import { renderProblem } from '../config/problem.js';
import { startWarnings } from '../config/start-warnings.js';
import type { AggregatorConfig } from '../config/types.js';
import { encodeG2 } from '../crypto/bn254/points.js';
import { loadSigningKeys, loadTransactionKey, type SigningKeys } from '../signer/load-signers.js';
import { createAggregatorStore } from '../store/aggregator-store.js';
import { acquireNodeLock, lockFolder } from '../store/node-lock.js';
import { openStore, storeFolder } from '../store/open-store.js';
import { abortOnInterrupt, type Hangup, interrupted, onHangup } from './interrupt.js';
import { openNodeLogger } from './open-node-logger.js';
import { createStorageService } from './storage/storage-service.js';
import { VERSION } from './version.js';

export interface RunAggregatorOptions {
  /** As commander collects them. */
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs an aggregator and resolves after it was interrupted (SIGINT, SIGTERM) and has drained; a second
 * signal ends the process at once.
 * @throws PonosError CONFIG_INVALID, KEY_IN_USE, those of keys and store, what `Aggregator.start`
 *   throws, and what ended the last of its chains
 */
export async function runAggregator({ flags, env }: RunAggregatorOptions): Promise<void> {
  closeFilesToOthers();
  const { file, config, warnings } = await loadConfig('aggregator', { flags, env });

  const logger = await openNodeLogger(config);
  const interrupt = abortOnInterrupt();
  const hangup = onHangup(config.grpc);
  const { signal } = interrupt;
  try {
    logger.info('aggregator starts', {
      version: VERSION,
      config: file,
      operator: config.operator.address,
    });
    for (const warning of warnings) logger.warn(renderProblem(warning, file));
    for (const warning of await startWarnings('aggregator', file, config)) logger.warn(warning);
    const acceptFreshState = flags.acceptFreshState === true;
    await serve({ config, acceptFreshState, env, logger, hangup }, signal);
    logger.info('aggregator has stopped');
  } catch (error) {
    if (!signal.aborted || !isPonosError(error, 'ABORTED')) throw error;
    logger.info('aggregator was stopped before it watched');
  } finally {
    hangup.release();
    interrupt.release();
    await logger.close();
  }
}

interface ServeOptions {
  readonly config: AggregatorConfig;
  readonly acceptFreshState: boolean;
  readonly env: RunAggregatorOptions['env'];
  readonly logger: Logger;
  readonly hangup: Hangup;
}

/** Opens what belongs to this machine, runs, and closes it in the reverse order: the store comes last but the locks. */
async function serve(
  { config, acceptFreshState, env, logger, hangup }: ServeOptions,
  signal: AbortSignal,
): Promise<void> {
  const stack = new CloseStack(logger);
  try {
    const world = { clock: systemClock, logger, stack, signal };
    const signingKeys = await loadSigningKeys(config.operator.signingKeys, world);
    const transactionSigner = await loadTransactionKey(config.operator.operatorPrivateKey, world);
    const lock = await acquireNodeLock({
      role: 'aggregator',
      identities: identitiesOf(signingKeys),
      folder: lockFolder(env),
      clock: systemClock,
      logger,
    });
    stack.add('the lock of the signing key', () => lock.release());
    const store = await openStore(config.storage, 'aggregator', { acceptFreshState, logger });
    stack.add('the store', () => store.close());
    const { default: workerSource } = await import('#verify-worker');
    const aggregator = createAggregator({
      config,
      signingKeys,
      transactionSigner,
      store: createAggregatorStore(store),
      storageService: createStorageService({
        store,
        dir: storeFolder(config.storage),
        clock: systemClock,
      }),
      workerSource,
      clock: systemClock,
      logger,
    });
    hangup.reload = () => void aggregator.reloadTls();
    await watchUntilStopped(aggregator, config, logger, signal);
  } finally {
    await stack.close();
  }
}

async function watchUntilStopped(
  aggregator: Aggregator,
  config: AggregatorConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  await aggregator.start(signal);
  try {
    await Promise.race([interrupted(signal), aggregator.failure]);
    logger.info('aggregator stops: no further tasks are taken', {
      graceSeconds: config.shutdown.graceSeconds,
    });
  } finally {
    await aggregator.close(config.shutdown.graceSeconds * 1000);
    logger.info('tasks since the start', Object.fromEntries(aggregator.totals.ended));
  }
}

function identitiesOf({ bls, ecdsa }: SigningKeys): string[] {
  return [
    ...(bls === undefined ? [] : [toHex(encodeG2(bls.publicIdentity.g2))]),
    ...(ecdsa === undefined ? [] : [ecdsa.publicIdentity]),
  ];
}
