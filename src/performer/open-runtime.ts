/** The runtime that a configuration asks for. */
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { PerformerConfig } from '../config/types.js';
import type { OutputLog } from './output-log.js';
import type { PerformerRuntime } from './runtime.js';

export interface OpenRuntimeOptions {
  readonly mode: PerformerConfig['deploymentMode'];
  /** The executor's operator and L1 chain; its containers carry them as labels. */
  readonly operator: Address;
  readonly l1ChainId: number;
  /** Docker network of the performers; empty: each is published on a loopback port. */
  readonly networkName: string;
  /** This program's own environment. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** Gets what performers print. */
  readonly output?: OutputLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens it; only what the mode needs is loaded.
 * @throws PonosError DOCKER_UNAVAILABLE, or NOT_BUILT_YET for Kubernetes
 */
export async function openPerformerRuntime(options: OpenRuntimeOptions): Promise<PerformerRuntime> {
  switch (options.mode) {
    case 'process': {
      const { createProcessRuntime } = await import('./process-runtime.js');
      return createProcessRuntime(options);
    }
    case 'docker': {
      const { openDockerRuntime } = await import('./docker-runtime.js');
      return openDockerRuntime(options);
    }
    case 'kubernetes':
      throw new PonosError('NOT_BUILT_YET', {
        message: 'this version cannot run performers in Kubernetes',
        advice: 'Use deploymentMode docker or process.',
      });
  }
}
