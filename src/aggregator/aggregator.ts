/**
 * The aggregator: follows the chains, works on many tasks at once, and closes in the reverse order of
 * its start. Tasks it cannot finish in time stay in the store and are taken up at the next start.
 */
import { type Address, type ChainId, chainId } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { OperatorTables } from '../chain/operator-tables.js';
import { noteOtherVerifier } from '../chain/probe.js';
import type { TransactionSigner } from '../chain/transaction.js';
import { l1CoreAddresses } from '../config/known-chains.js';
import type { AggregatorConfig } from '../config/types.js';
import { loadBn254 } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import { verifiesWith } from '../protocol/registered-key.js';
import { createManagementGuard, type ManagementGuard } from '../rpc/auth/management-guard.js';
import { createChannelPool } from '../rpc/channel-pool.js';
import { AggregatorManagementServiceDefinition } from '../rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import {
  StorageServiceDefinition,
  type StorageServiceImplementation,
} from '../rpc/generated/ponos/v1/storage.js';
import { TaskServiceDefinition } from '../rpc/generated/ponos/v1/tasks.js';
import { type NodeTls, openNodeTls } from '../rpc/open-tls.js';
import { startGrpcServer } from '../rpc/server.js';
import type { SigningKeys } from '../signer/load-signers.js';
import { managementSigner, publicKeyOf } from '../signer/management-signer.js';
import type { Signer } from '../signer/signer.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { FairStages, VERIFIED_TOGETHER } from './fair-stages.js';
import { Following } from './following.js';
import type { IntakeOptions } from './intake.js';
import { createManagementService } from './management.js';
import { NonsignerMemory } from './nonsigner-memory.js';
import { type OpenedChain, openChain } from './open-chain.js';
import { OperatorPeers } from './operator-peers.js';
import { type Lookup, sharedLookup, systemLookup } from './peer-address.js';
import { createPeerPolicy } from './peer-policy.js';
import { reportServed } from './report-served.js';
import { reportStanding } from './report-standing.js';
import { resumeWork } from './resume.js';
import { keepSwept, type RetentionOptions } from './retention.js';
import { openServedAvss } from './served-avss.js';
import { runTask } from './task-run.js';
import { TaskRunner } from './task-runner.js';
import { createTaskService } from './task-service.js';
import { type TaskTotals, TaskTracker } from './tracker.js';
import { createVerifier } from './verify/verifier.js';

/** Where neighbours share one machine, so that loopback sockets are meant. */
const LOCAL_L1 = 31_337;

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
  /** What was opened, in that order. */
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #tracker: TaskTracker;
  #runner: TaskRunner | undefined;
  #tls: NodeTls | undefined;
  readonly #failure: Promise<never>;
  #fail: (error: unknown) => void = () => undefined;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#tracker = new TaskTracker(() => options.clock.nowMs());
    this.#failure = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // Whoever wants to know of it awaits it; nobody must.
    this.#failure.catch(() => undefined);
  }

  /** Rejects when no chain can be followed any more. */
  get failure(): Promise<never> {
    return this.#failure;
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
    try {
      await this.#start(
        AbortSignal.any(signal === undefined ? [this.#stop.signal] : [this.#stop.signal, signal]),
      );
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  /**
   * Takes no further task, gives running ones up to `graceMs` to end, then closes everything. What is
   * not finished stays in the store. May be called more than once.
   */
  async close(graceMs: number): Promise<void> {
    const grace = new AbortController();
    const over = new AbortController();
    const timer = this.#options.clock.sleep(graceMs, over.signal).then(
      () => grace.abort(new PonosError('ABORTED', { message: 'the node is stopping' })),
      () => undefined, // drained in time
    );
    await this.#runner?.drain(grace.signal);
    over.abort();
    await timer;
    this.#stop.abort();
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { config, clock, store, logger } = this.#options;
    const tls = await openNodeTls(config, { clock, logger });
    this.#tls = tls;
    this.#closers.push(() => tls.close());
    const chains = await this.#openChains(signal);
    throwIfAborted(signal);
    const l1Chain = chains.find(({ chainId }) => chainId === config.l1ChainId);
    if (l1Chain === undefined)
      throw new PonosError('CONFIG_INVALID', { message: 'l1ChainId is not one of chains' });
    const l1 = {
      chainId: l1Chain.chainId,
      client: l1Chain.client,
      time: l1Chain.time,
      addresses: l1CoreAddresses(config.l1ChainId, config),
    };
    for (const { name, addresses } of chains) {
      const note = noteOtherVerifier(
        name,
        addresses.ecdsaCertificateVerifier,
        l1.addresses.ecdsaCertificateVerifier,
      );
      if (note !== undefined) logger.warn(note);
    }
    const signers = signersByCurve(this.#options.signingKeys);
    const aggregator = config.operator.address;
    const served = await openServedAvss({
      configured: config.avss.map(({ address, chainIds }) => ({
        avs: address,
        chainIds: chainIds.map((id) => chainId(id)),
      })),
      chainIds: chains.map((chain) => chain.chainId),
      store,
      clock,
    });
    const inspect = (avs: Address) => reportStanding({ l1, aggregator, signers, avs, store, clock, logger });
    await reportServed({ served, inspect, store, logger });

    const following = new Following({ chains, store, served, clock, logger, stop: this.#stop.signal });
    const { storageService } = this.#options;
    const guard = await this.#guard();
    const server = await startGrpcServer({
      // Without an answer to who may manage the node, only this machine may.
      host: config.authentication.enabled === undefined ? '127.0.0.1' : config.grpc.host,
      port: config.managementServerGrpcPort,
      services: [
        {
          definition: AggregatorManagementServiceDefinition,
          implementation: createManagementService({
            guard,
            chainIds: chains.map((chain) => chain.chainId),
            served,
            inspect,
            onServed: (avs, chainIds) => following.backfill(avs, chainIds),
            logger,
          }),
        },
        {
          definition: TaskServiceDefinition,
          implementation: createTaskService({ guard, store, stories: () => this.#tracker.stories }),
        },
        ...(storageService === undefined
          ? []
          : [{ definition: StorageServiceDefinition, implementation: storageService }]),
      ],
      tls: tls.server,
      clock,
      logger,
    });
    this.#closers.push(() => server.close(0));
    const runner = await this.#createRunner(
      chains,
      l1,
      signers,
      (id) => following.givenUp(id),
      () => served.all.length,
    );
    this.#runner = runner;
    await resumeWork({ store, chains, served, runner, clock, logger });
    this.#closers.push(() => following.ended());
    await following.start({
      runner,
      onHealth: (works) => server.setServing(works),
      onChainHealth: (id, works) => server.setServing(works, `ponos.chain.${id}`),
      onFailure: this.#fail,
    });
    const swept = keepSwept(this.#retention(chains), this.#stop.signal);
    this.#closers.push(() => swept);
    logger.info('aggregator is watching', {
      chains: chains.map(({ name, chainId: id }) => `${name} (${id})`),
      avss: served.all.map(({ avs }) => avs),
      operator: aggregator,
      managementPort: server.port,
    });
  }

  async #guard(): Promise<ManagementGuard> {
    const { config, clock, signingKeys } = this.#options;
    const bn254 = await loadBn254();
    const key = publicKeyOf(managementSigner(signingKeys));
    return createManagementGuard({
      authentication: config.authentication,
      operator: config.operator.address,
      verify: (digest, signature) => verifiesWith(key, digest, signature, bn254),
      foreignOperator: 'REQUEST_INVALID',
      clock,
    });
  }

  async #openChains(signal: AbortSignal): Promise<OpenedChain[]> {
    const { config, clock, logger, store, transactionSigner: signer } = this.#options;
    // One that is wrong ends the waiting for others that are down.
    const givenUp = new AbortController();
    const both = AbortSignal.any([signal, givenUp.signal]);
    const opened = await Promise.allSettled(
      config.chains.map(async (chain) => {
        try {
          const open = await openChain({ config, chain, signer, store, clock, logger }, both);
          this.#closers.push(() => open.close());
          return open;
        } catch (error) {
          givenUp.abort(error);
          throw error;
        }
      }),
    );
    if (givenUp.signal.aborted) throw givenUp.signal.reason;
    return opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  async #createRunner(
    chains: readonly OpenedChain[],
    l1: IntakeOptions['l1'] & Pick<OpenedChain, 'time'>,
    signers: ReadonlyMap<CurveName, Signer>,
    givenUp: (chainId: ChainId) => AbortSignal,
    avsCount: () => number,
  ): Promise<TaskRunner> {
    const { config, clock, logger, store, workerSource } = this.#options;
    const bn254 = await loadBn254();
    const channels = createChannelPool({ dial: this.#tls?.dial });
    this.#closers.push(async () => channels.close());
    const peers = new OperatorPeers({
      l1: l1.client,
      l1Head: () => l1.time.head.number,
      policy: createPeerPolicy({ ...config.tasks.peers, allowLoopback: config.l1ChainId === LOCAL_L1 }),
      lookup: sharedLookup(this.#options.lookup ?? systemLookup),
      channels,
      clock,
    });
    const verifier = createVerifier({ workerSource, logger, maxBatch: VERIFIED_TOGETHER });
    this.#closers.push(() => verifier.close());
    const dependencies = {
      clock,
      logger,
      store,
      tracker: this.#tracker,
      chains: new Map(chains.map((chain) => [chain.chainId, chain])),
      l1,
      tables: new OperatorTables(l1.client),
      aggregator: config.operator.address,
      signers,
      verifier,
      bn254,
      peers,
      nonePolicy: config.tasks.nonePolicy,
      quorumWindowMs: config.tasks.quorumWindowMs,
      nonsigners: new NonsignerMemory(),
      stages: new FairStages(avsCount),
    };
    return new TaskRunner({
      maxConcurrent: config.tasks.maxConcurrent,
      avsCount,
      logger,
      run: (task, signal, leaveSlot) =>
        runTask(task, dependencies, AbortSignal.any([signal, givenUp(task.chainId)]), leaveSlot),
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
