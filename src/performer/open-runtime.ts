/** The runtime that a configuration asks for. */
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig, PerformerConfig } from '../config/types.js';
import type { OutputLog } from './output-log.js';
import type { PerformerRuntime } from './runtime.js';

export interface OpenRuntimeOptions {
  readonly mode: PerformerConfig['deploymentMode'];
  /** The executor's operator and L1 chain; its containers, or objects, carry them as labels. */
  readonly operator: Address;
  readonly l1ChainId: number;
  /** Docker network of the performers; empty: each is published on a loopback port. */
  readonly networkName: string;
  /** The cluster, with mode `kubernetes`. */
  readonly kubernetes: ExecutorConfig['kubernetes'];
  /** This program's own environment. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** Gets what performers print. */
  readonly output?: OutputLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens it; only what the mode needs is loaded.
 * @throws PonosError DOCKER_UNAVAILABLE, or those of `openKubernetesRuntime`
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
    case 'kubernetes': {
      const { kubernetes } = options;
      if (kubernetes === undefined) {
        throw new PonosError('CONFIG_INVALID', {
          message: 'performers run in Kubernetes, and kubernetes is missing',
        });
      }
      const { openKubernetesRuntime } = await import('./kubernetes-runtime.js');
      return openKubernetesRuntime({ ...options, kubernetes });
    }
  }
}
