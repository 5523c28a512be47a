/**
 * The aggregator: follows the chains, works on many tasks at once, and closes in the reverse order of
 * its start. Tasks it cannot finish in time stay in the store and are taken up at the next start.
 */
import { type Address, chainId } from '../base/brands.js';
import { type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { CloseStack } from '../base/close-stack.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { createOutcome } from '../base/outcome.js';
import type { TransactionSigner } from '../chain/transaction.js';
import type { AggregatorConfig } from '../config/types.js';
import type { CurveName } from '../crypto/curve.js';
import type { StorageServiceImplementation } from '../rpc/generated/ponos/v1/storage.js';
import { type NodeTls, openNodeTls } from '../rpc/open-tls.js';
import type { SigningKeys } from '../signer/load-signers.js';
import type { Signer } from '../signer/signer.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { Following } from './following.js';
import { startManagementServer } from './management-server.js';
import type { OpenedChain } from './open-chain.js';
import { openChains } from './open-chains.js';
import { openRunner } from './open-runner.js';
import type { Lookup } from './peer-address.js';
import { reportServed } from './report-served.js';
import { reportStanding } from './report-standing.js';
import { resumeWork } from './resume.js';
import { keepSwept, type RetentionOptions } from './retention.js';
import { openServedAvss } from './served-avss.js';
import type { TaskRunner } from './task-runner.js';
import { type TaskTotals, TaskTracker } from './tracker.js';

export interface AggregatorOptions {
  readonly config: AggregatorConfig;
  readonly signingKeys: SigningKeys;
  readonly transactionSigner: TransactionSigner;
  readonly store: AggregatorStore;
  /** What the management port tells of the store; absent: nothing. */
  readonly storageService?: StorageServiceImplementation;
  /** Text of the verification thread. */
  readonly workerSource: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: the system's resolver. */
  readonly lookup?: Lookup;
}

export function createAggregator(options: AggregatorOptions): Aggregator {
  return new Aggregator(options);
}

export class Aggregator {
  readonly #options: AggregatorOptions;
  readonly #stop = new AbortController();
  readonly #stack: CloseStack;
  readonly #tracker: TaskTracker;
  #starting: Promise<void> | undefined;
  #hasStarted = false;
  #runner: TaskRunner | undefined;
  #tls: NodeTls | undefined;
  readonly #failure = createOutcome<never>();

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#stack = new CloseStack(options.logger);
    this.#tracker = new TaskTracker(options.clock);
  }

  /** Rejects when no chain can be followed any more. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** How tasks have ended since the start. */
  get totals(): TaskTotals {
    return this.#tracker.totals;
  }

  /** Reads the certificates again now; those that cannot be used are said, and the old ones stay. */
  async reloadTls(): Promise<void> {
    await this.#tls?.reload();
  }

  /**
   * Resolves when the chains are watched. The signal ends the starting only.
   * @throws PonosError for whatever is missing or wrong; nothing is left open then
   */
  async start(signal?: AbortSignal): Promise<void> {
    const ends = signal === undefined ? [this.#stop.signal] : [this.#stop.signal, signal];
    this.#starting = this.#start(AbortSignal.any(ends));
    try {
      await this.#starting;
      this.#hasStarted = true;
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  /**
   * Takes no further task, gives running ones up to `graceMs` to end, then closes everything. What is
   * not finished stays in the store. A start that is under way is given up. May be called more than once.
   */
  async close(graceMs: number): Promise<void> {
    const isGivenUp = !this.#hasStarted;
    if (isGivenUp) this.#stop.abort();
    await this.#starting?.catch(() => undefined); // told to whoever started it
    await this.#drain(isGivenUp ? 0 : graceMs);
    this.#stop.abort();
    await this.#stack.close();
  }

  async #drain(graceMs: number): Promise<void> {
    const grace = new AbortController();
    const over = new AbortController();
    const timer = this.#options.clock.sleep(graceMs, over.signal).then(
      () => grace.abort(new PonosError('ABORTED', { message: 'the node is stopping' })),
      () => undefined, // drained in time
    );
    await this.#runner?.drain(grace.signal);
    over.abort();
    await timer;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { config, clock, store, logger, signingKeys, storageService } = this.#options;
    const stack = this.#stack;
    const tls = await openNodeTls(config, { clock, logger });
    this.#tls = tls;
    stack.add('the certificates', () => tls.close());
    const opening = { config, signer: this.#options.transactionSigner, store, clock, logger };
    const opened = await openChains(opening, stack, signal);
    throwIfAborted(signal);
    const { chains, l1 } = opened;
    const chainIds = chains.map((chain) => chain.chainId);
    const signers = signersByCurve(signingKeys);
    const aggregator = config.operator.address;
    const served = await openServedAvss({
      configured: config.avss.map((avs) => ({ avs: avs.address, chainIds: avs.chainIds.map(chainId) })),
      chainIds,
      store,
      endReading: (avs, ids) => following.endBackfill(avs, ids),
      clock,
    });
    const inspect = (avs: Address) => reportStanding({ l1, aggregator, signers, avs, store, clock, logger });
    // A silent endpoint must not hold up who gives up the start.
    await untilAborted(reportServed({ served, inspect, store, logger }), signal);

    const following = new Following({ chains, store, served, clock, logger, stop: this.#stop.signal });
    const server = await startManagementServer({
      config,
      signingKeys,
      store,
      tracker: this.#tracker,
      storageService,
      chainIds,
      served,
      inspect,
      onServed: (avs, added) => following.backfill(avs, added),
      tls: tls.server,
      clock,
      logger,
    });
    stack.add('the gRPC server', () => server.close(0));
    const runner = await openRunner({
      ...opened,
      config,
      signers,
      store,
      tracker: this.#tracker,
      dial: tls.dial,
      lookup: this.#options.lookup,
      workerSource: this.#options.workerSource,
      givenUp: (id) => following.givenUp(id),
      avsCount: () => served.all.length,
      clock,
      logger,
      stack,
    });
    // From here on tasks run.
    throwIfAborted(signal);
    this.#runner = runner;
    await untilAborted(resumeWork({ store, chains, served, runner, clock, logger }), signal);
    stack.add('the following of the chains', () => following.ended());
    await following.start({
      runner,
      onHealth: (works) => server.setServing(works),
      onChainHealth: (id, works) => server.setServing(works, `ponos.chain.${id}`),
      onFailure: this.#failure.reject,
    });
    const swept = keepSwept(this.#retention(chains), this.#stop.signal);
    stack.add('the sweeping of the store', () => swept);
    logger.info('aggregator is watching', {
      chains: chains.map(({ name, chainId: id }) => `${name} (${id})`),
      avss: served.all.map(({ avs }) => avs),
      operator: aggregator,
      managementPort: server.port,
    });
  }

  #retention(chains: readonly OpenedChain[]): RetentionOptions {
    const { config, store, clock, logger } = this.#options;
    return {
      ...config.retention,
      store,
      chains: chains.map(({ chainId: id, client, config: { maxReorgDepth, blockConfirmations } }) => ({
        chainId: id,
        client,
        maxReorgDepth,
        blockConfirmations,
      })),
      clock,
      logger,
    };
  }
}

function signersByCurve({ bls, ecdsa }: SigningKeys): ReadonlyMap<CurveName, Signer> {
  const signers = new Map<CurveName, Signer>();
  if (bls !== undefined) signers.set('bn254', bls);
  if (ecdsa !== undefined) signers.set('ecdsa', ecdsa);
  return signers;
}
