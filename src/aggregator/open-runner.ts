/** What running tasks share, opened once: connections to executors, the thread that verifies, what is remembered. */
import type { ChainId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { CloseStack } from '../base/close-stack.js';
import type { Logger } from '../base/logger.js';
import { OperatorTables } from '../chain/operator-tables.js';
import type { AggregatorConfig } from '../config/types.js';
import { loadBn254 } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import { createChannelPool } from '../rpc/channel-pool.js';
import type { Dial } from '../rpc/open-tls.js';
import type { Signer } from '../signer/signer.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { FairStages, VERIFIED_TOGETHER } from './fair-stages.js';
import { NonsignerMemory } from './nonsigner-memory.js';
import type { OpenedChains } from './open-chains.js';
import { OperatorPeers } from './operator-peers.js';
import { type Lookup, sharedLookup, systemLookup } from './peer-address.js';
import { createPeerPolicy } from './peer-policy.js';
import { runTask } from './task-run.js';
import { TaskRunner } from './task-runner.js';
import type { TaskTracker } from './tracker.js';
import { createVerifier } from './verify/verifier.js';

/** Where neighbours share one machine, so that loopback sockets are meant. */
const LOCAL_L1 = 31_337;

export interface OpenRunnerOptions extends OpenedChains {
  readonly config: Pick<AggregatorConfig, 'operator' | 'l1ChainId' | 'tasks'>;
  readonly signers: ReadonlyMap<CurveName, Signer>;
  readonly store: AggregatorStore;
  readonly tracker: TaskTracker;
  /** How executors are dialled. */
  readonly dial: Dial;
  readonly lookup: Lookup | undefined;
  /** Text of the verification thread. */
  readonly workerSource: string;
  /** Aborts when a chain is not followed any more. */
  readonly givenUp: (chainId: ChainId) => AbortSignal;
  /** AVSs that are served now. */
  readonly avsCount: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Closes what is opened here. */
  readonly stack: CloseStack;
}

export async function openRunner(options: OpenRunnerOptions): Promise<TaskRunner> {
  const { config, chains, l1, givenUp, avsCount, clock, logger, stack } = options;
  const bn254 = await loadBn254();
  const channels = createChannelPool({ dial: options.dial });
  stack.add('the connections to executors', () => channels.close());
  const peers = new OperatorPeers({
    l1: l1.client,
    l1Head: () => l1.time.head.number,
    policy: createPeerPolicy({ ...config.tasks.peers, allowLoopback: config.l1ChainId === LOCAL_L1 }),
    lookup: sharedLookup(options.lookup ?? systemLookup),
    channels,
    clock,
  });
  const { workerSource } = options;
  const verifier = createVerifier({ workerSource, logger, maxBatch: VERIFIED_TOGETHER });
  stack.add('the verification thread', () => verifier.close());
  const dependencies = {
    clock,
    logger,
    store: options.store,
    tracker: options.tracker,
    chains: new Map(chains.map((chain) => [chain.chainId, chain])),
    l1,
    tables: new OperatorTables(l1.client),
    aggregator: config.operator.address,
    signers: options.signers,
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
    givenUp,
    run: (task, signal, leaveSlot) => runTask(task, dependencies, signal, leaveSlot),
  });
}
