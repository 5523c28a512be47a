/** The aggregator of a simulation: in this process, on a real store that outlives it, stopped or killed and started again. */
import { type Aggregator, createAggregator } from '../../src/aggregator/aggregator.js';
import type { Clock } from '../../src/base/clock.js';
import { isPonosError, PonosError } from '../../src/base/error.js';
import type { LogFields, Logger } from '../../src/base/logger.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { loadSigningKeys, loadTransactionKey } from '../../src/signer/load-signers.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import type { KeyValueStore } from '../../src/store/key-value-store.js';
import { openStore } from '../../src/store/open-store.js';

export interface SimNodeOptions {
  readonly config: AggregatorConfig;
  readonly workerSource: string;
  readonly clock: Clock;
}

export interface SimLogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

interface Running {
  readonly aggregator: Aggregator;
  readonly store: AggregatorStore;
  readonly values: KeyValueStore;
  /** From here on nothing of it reaches the disk. */
  readonly sever: () => void;
  /** Rejects never: whether the start has failed is `hasFailed`'s to say. */
  readonly started: Promise<void>;
}

export class SimNode {
  /** What has been logged since it was read last. */
  readonly log: SimLogLine[] = [];
  /** How many lines there ever were. */
  logged = 0;
  readonly #options: SimNodeOptions;
  #running: Running | undefined;
  #state: 'down' | 'starting' | 'up' = 'down';
  #crash: unknown;

  constructor(options: SimNodeOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get store(): AggregatorStore {
    if (this.#running === undefined) throw new Error('the node is down');
    return this.#running.store;
  }

  /** Why no chain is followed any more, if that is so. */
  get crash(): unknown {
    return this.#crash;
  }

  /** Starts it if it is down, and does not wait until it is up: chains may be silent. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    const { config, workerSource, clock } = this.#options;
    const logger = this.#logger();
    const values = await openStore(config.storage, 'aggregator');
    let isSevered = false;
    const store = createAggregatorStore(severable(values, () => isSevered));
    const aggregator = createAggregator({
      config,
      signingKeys: await loadSigningKeys(config.operator.signingKeys, { clock, logger }),
      transactionSigner: await loadTransactionKey(config.operator.operatorPrivateKey, { clock, logger }),
      ...{ store, workerSource, clock, logger },
    });
    this.#state = 'starting';
    const started = aggregator.start().then(
      () => {
        if (this.#running?.aggregator === aggregator) this.#state = 'up';
      },
      async (error: unknown) => {
        // Ended by an answer that made no sense, as a start is; whoever looks after the node starts it again.
        if (!isPonosError(error) || error.kind === 'bug') this.#crash = error;
        await values.close();
        if (this.#running?.aggregator !== aggregator) return;
        this.#running = undefined;
        this.#state = 'down';
      },
    );
    this.#running = {
      ...{ aggregator, store, values, started },
      sever: () => {
        isSevered = true;
      },
    };
    aggregator.failure.catch((error: unknown) => {
      this.#crash = error;
    });
  }

  /** @param how `killed`: nothing is stored from now on */
  async stop(how: 'graceful' | 'killed', graceMs: number): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#state = 'down';
    if (how === 'killed') running.sever();
    await running.aggregator.close(graceMs);
    await running.started;
    await running.values.close();
  }

  #logger(bound: LogFields = {}): Logger {
    const at = (level: string) => (message: string, fields?: LogFields) => {
      this.logged += 1;
      this.log.push({ level, message, fields: { ...bound, ...fields } });
    };
    return {
      ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
      child: (fields) => this.#logger({ ...bound, ...fields }),
    };
  }
}

/** A store as it is for a process that does not live any more. */
function severable(values: KeyValueStore, isSevered: () => boolean): KeyValueStore {
  const refuse = async () => {
    if (isSevered()) throw new PonosError('STORE_UNAVAILABLE', { message: 'the process was killed' });
  };
  return {
    get: async (key) => {
      await refuse();
      return values.get(key);
    },
    batch: async (operations) => {
      await refuse();
      return values.batch(operations);
    },
    scan: async function* (range) {
      await refuse();
      yield* values.scan(range);
    },
    close: () => values.close(),
  };
}
