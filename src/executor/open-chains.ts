/** The chains of an executor: reached, checked, and as its stages see them. */
import { type Address, type ChainId, chainId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { CloseStack } from '../base/close-stack.js';
import type { Logger } from '../base/logger.js';
import type { Block } from '../chain/block.js';
import { type ChainClient, createChainClient } from '../chain/client.js';
import { reportSkew } from '../chain/clock-skew.js';
import type { Caller } from '../chain/contract.js';
import { createCrossChainRegistry } from '../chain/contracts/cross-chain-registry.js';
import { createTaskMailbox } from '../chain/contracts/task-mailbox.js';
import { probeDigests } from '../chain/digest-probe.js';
import { openWhenReachable } from '../chain/open-when-reachable.js';
import { noteOtherVerifier, requireContracts, requireHistory, requireMailbox } from '../chain/probe.js';
import {
  type CoreAddresses,
  coreAddresses,
  type L1CoreAddresses,
  l1CoreAddresses,
} from '../config/known-chains.js';
import type { ChainConfig, ExecutorConfig } from '../config/types.js';
import type { AuthorityReader } from './admit-authority.js';
import type { TaskChain } from './admit-task.js';
import { createAuthorityReader } from './authority-reader.js';
import { createL1View, type L1View } from './l1-view.js';
import { createMailboxChain } from './mailbox-chain.js';

export interface ExecutorChains {
  readonly l1View: L1View;
  readonly l1EcdsaVerifier: Address;
  readonly authority: AuthorityReader;
  /** L1 first. */
  readonly taskChains: readonly TaskChain[];
  /** Chains that receive operator tables, and so can have tasks. */
  readonly supportedChains: () => Promise<readonly ChainId[]>;
  /** `MAX_TASK_SLA` of each mailbox: the longest time a task there may have. */
  readonly taskSeconds: readonly number[];
  /** Where AVSs publish their releases. */
  readonly releases: {
    readonly l1: Caller;
    readonly allocationManager: Address;
    readonly releaseManager: Address | undefined;
  };
}

export interface OpenChainsContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Closes the clients. */
  readonly stack: CloseStack;
}

interface OpenChain {
  readonly client: ChainClient;
  readonly addresses: CoreAddresses;
  readonly taskChain: TaskChain;
  readonly maxTaskSlaSeconds: number;
  /** To be told of each head that is read. */
  readonly onHead: (head: Block) => void;
}

/**
 * Connects to every configured chain, waiting for one that is not reached, and checks it.
 * @throws PonosError CHAIN_MISMATCH, CONTRACT_MISSING, CHAIN_NO_HISTORY, CONFIG_INVALID, ABORTED
 */
export async function openChains(
  config: ExecutorConfig,
  context: OpenChainsContext,
  signal: AbortSignal,
): Promise<ExecutorChains> {
  const l1Addresses = l1CoreAddresses(config.l1Chain.chainId, config);
  const l1 = await openChain(config.l1Chain, l1Addresses, context, signal, l1Addresses);
  const others: OpenChain[] = [];
  for (const chain of config.chains.filter(({ chainId: id }) => id !== config.l1Chain.chainId)) {
    others.push(await openChain(chain, coreAddresses(chain.chainId, config), context, signal));
  }
  const l1EcdsaVerifier = l1Addresses.ecdsaCertificateVerifier;
  for (const { client, addresses } of others) {
    const note = noteOtherVerifier(client.name, addresses.ecdsaCertificateVerifier, l1EcdsaVerifier);
    if (note !== undefined) context.logger.warn(note);
  }
  const registry = createCrossChainRegistry(l1.client, l1Addresses.crossChainRegistry);
  const all = [l1, ...others];
  return {
    l1View: createL1View(l1.client, config.l1Chain.maxReorgDepth, context.logger, l1.onHead),
    l1EcdsaVerifier,
    authority: createAuthorityReader(
      l1.client,
      l1Addresses,
      all.map(({ client }) => client),
    ),
    taskChains: all.map(({ taskChain }) => taskChain),
    supportedChains: async () => [...(await registry.getSupportedChains('latest')).keys()],
    taskSeconds: all.map(({ maxTaskSlaSeconds }) => maxTaskSlaSeconds),
    releases: {
      l1: l1.client,
      allocationManager: l1Addresses.allocationManager,
      releaseManager: l1Addresses.releaseManager,
    },
  };
}

async function openChain(
  chain: ChainConfig,
  addresses: CoreAddresses,
  { clock, logger, stack }: OpenChainsContext,
  signal: AbortSignal,
  /** Absent for other chains. */
  l1?: L1CoreAddresses,
): Promise<OpenChain> {
  const client = createChainClient({
    chainId: chainId(chain.chainId),
    name: chain.name,
    rpcUrls: chain.rpcUrls,
    clock,
    logger,
  });
  stack.add(`the connection to chain ${chain.name}`, () => client.close());
  const { taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier } = addresses;
  const examine = async () => {
    await client.start(signal);
    await requireContracts(client, { taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier });
    await requireMailbox(client, taskMailbox);
    if (l1 !== undefined) await checkL1(client, l1, logger);
    const { refusedCurves } = await probeDigests(client, addresses);
    return {
      refusedCurves,
      maxTaskSlaSeconds: await createTaskMailbox(client, taskMailbox).maxTaskSlaSeconds('latest'),
      head: await client.head(),
    };
  };
  const { refusedCurves, maxTaskSlaSeconds, head } = await openWhenReachable(examine, {
    chainName: chain.name,
    clock,
    logger,
    signal,
  });
  for (const [curve, reason] of refusedCurves) {
    logger.warn('results of this curve are not signed for a chain', { chain: chain.name, curve, reason });
  }
  logger.info('chain reached', { chain: chain.name, chainId: chain.chainId, mailbox: taskMailbox });
  const onHead = reportSkew(clock, logger.child({ chainId: chain.chainId }));
  onHead(head);
  return {
    client,
    addresses,
    taskChain: createMailboxChain(client, addresses, refusedCurves, onHead),
    maxTaskSlaSeconds,
    onHead,
  };
}

async function checkL1(client: ChainClient, addresses: L1CoreAddresses, logger: Logger): Promise<void> {
  const { allocationManager, keyRegistrar, crossChainRegistry } = addresses;
  await requireContracts(client, { allocationManager, keyRegistrar, crossChainRegistry });
  const note = await requireHistory(client, allocationManager);
  if (note !== undefined) logger.warn(note);
}
