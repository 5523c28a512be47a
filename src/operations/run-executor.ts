/** `ponos executor start`: from the command line to a node that serves, until it is told to stop. */
import { systemClock } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import { closeFilesToOthers } from '../base/umask.js';
import type { FlagValues } from '../config/flags.js';
import { loadConfig } from '../config/load.js';
import { renderProblem } from '../config/problem.js';
import { startWarnings } from '../config/start-warnings.js';
import { startExecutor } from '../executor/executor.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { storeFolder } from '../store/open-store.js';
import { abortOnInterrupt, interrupted, onHangup } from './interrupt.js';
import { openNodeLogger } from './open-node-logger.js';
import { createStorageService } from './storage/storage-service.js';
import { VERSION } from './version.js';

export interface RunExecutorOptions {
  /** As commander collects them. */
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs an executor and resolves after it was interrupted (SIGINT, SIGTERM) and has drained; a second signal ends the
 * process at once.
 * @throws PonosError CONFIG_INVALID, and what `startExecutor` throws
 */
export async function runExecutor({ flags, env }: RunExecutorOptions): Promise<void> {
  closeFilesToOthers();
  const { file, config, warnings } = await loadConfig('executor', { flags, env });

  const logger = await openNodeLogger(config);
  const interrupt = abortOnInterrupt();
  const hangup = onHangup(config.grpc);
  const { signal } = interrupt;
  try {
    logger.info('executor starts', {
      version: VERSION,
      config: file,
      operator: config.operator.address,
    });
    for (const warning of warnings) logger.warn(renderProblem(warning, file));
    for (const warning of await startWarnings('executor', file, config)) logger.warn(warning);
    const storageService = (store: KeyValueStore) =>
      createStorageService({ store, dir: storeFolder(config.storage), clock: systemClock });
    const acceptFreshState = flags.acceptFreshState === true;
    const executor = await startExecutor(
      { config, acceptFreshState, env, storageService, clock: systemClock, logger },
      signal,
    );
    hangup.reload = () => void executor.reloadTls();
    await interrupted(signal);
    logger.info('executor stops: no further tasks are taken');
    await executor.close();
    logger.info('executor has stopped');
  } catch (error) {
    if (!signal.aborted || !isPonosError(error, 'ABORTED')) throw error;
    logger.info('executor was stopped before it served');
  } finally {
    hangup.release();
    interrupt.release();
    await logger.close();
  }
}
