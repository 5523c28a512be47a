/** What is served, told at the start: where it differs from the configuration, and each AVS's standing on L1. */
import type { Address } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { ServedAvss } from './served-avss.js';

export interface ReportServedOptions {
  readonly served: ServedAvss;
  /** Reads an AVS on L1 and logs what it finds. */
  readonly inspect: (avs: Address) => Promise<void>;
  readonly store: Pick<AggregatorStore, 'avss'>;
  readonly logger: Logger;
}

/** @throws PonosError AVS_UNKNOWN for a configured AVS, and what `inspect` and the store throw */
export async function reportServed({ served, inspect, store, logger }: ReportServedOptions): Promise<void> {
  for (const { avs, chainIds } of served.overrides) {
    const message =
      chainIds.length > 0
        ? 'an AVS is served as it was registered at run time, not as configured'
        : 'an AVS is not served: it was deregistered at run time';
    logger.warn(message, { avs, chainIds });
  }
  const isServed = new Set(served.all.map(({ avs }) => avs));
  for (const { avs, id, role, curve, table, readAtMs } of await store.avss.operatorSets()) {
    if (!isServed.has(avs)) continue;
    logger.info('operator set as last read', {
      ...{ avs, operatorSetId: id, role, curve },
      ...table,
      readAt: new Date(readAtMs).toISOString(),
    });
  }
  for (const avs of isServed) {
    try {
      await inspect(avs);
    } catch (error) {
      // The configuration can be mended before the next start; a registration only while the node runs.
      if (!isPonosError(error, 'AVS_UNKNOWN') || !served.isRegistered(avs)) throw error;
      logger.warn('an AVS that was registered at run time is not known to L1 any more', { avs, error });
    }
  }
}
