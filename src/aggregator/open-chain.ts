/** Opening a chain: its endpoints and contracts are proven before anything is built on them. */
import { type ChainId, chainId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { quantity } from '../chain/block.js';
import { type ChainClient, createChainClient } from '../chain/client.js';
import { reportSkew } from '../chain/clock-skew.js';
import { createTaskMailbox } from '../chain/contracts/task-mailbox.js';
import { probeDigests } from '../chain/digest-probe.js';
import { requireBaseFee } from '../chain/fee-quotes.js';
import { HeadTracker } from '../chain/head-tracker.js';
import { openWhenReachable } from '../chain/open-when-reachable.js';
import { requireContracts, requireHistory, requireMailbox } from '../chain/probe.js';
import type { TransactionSigner } from '../chain/transaction.js';
import { createTransactionSender, type TransactionSender } from '../chain/transaction-sender.js';
import { coreAddresses, l1CoreAddresses } from '../config/known-chains.js';
import type { AggregatorConfig, ChainConfig } from '../config/types.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { ChainContext } from './chain-context.js';
import { ChainTime } from './chain-time.js';
import { GasMemory } from './gas-memory.js';

export interface OpenChainOptions {
  readonly config: AggregatorConfig;
  readonly chain: ChainConfig;
  /** Pays for the transactions. */
  readonly signer: TransactionSigner;
  /** Where they are kept while they are on their way. */
  readonly store: Pick<AggregatorStore, 'transactions'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface OpenedChain extends ChainContext {
  readonly config: ChainConfig;
  readonly heads: HeadTracker;
  readonly sender: TransactionSender;
  close(): Promise<void>;
}

/**
 * Waits for a chain that is not reached.
 * @throws PonosError CHAIN_MISMATCH, CONTRACT_MISSING, CHAIN_NO_HISTORY (L1 only), ABORTED, CONFIG_INVALID when an
 *   address is not known, NOT_BUILT_YET for a chain without base fee
 */
export async function openChain(options: OpenChainOptions, signal: AbortSignal): Promise<OpenedChain> {
  const { config, chain, clock, signer, store } = options;
  const id = chainId(chain.chainId);
  const logger = options.logger.child({ chainId: id });
  const client = createChainClient({
    chainId: id,
    name: chain.name,
    rpcUrls: chain.rpcUrls,
    clock,
    logger: options.logger,
  });
  try {
    const found = await openWhenReachable(() => examine(client, options, logger, signal), {
      chainName: chain.name,
      clock,
      logger,
      signal,
    });
    const { addresses, head, digests, balance } = found;
    for (const [curve, reason] of digests.refusedCurves) {
      logger.error('tasks of a curve are refused on this chain', { curve, reason });
    }
    if (balance === 0n) {
      logger.warn('the account that pays for results is empty on this chain', { account: signer.address });
    }
    const heads = new HeadTracker();
    heads.update(head);
    const time = new ChainTime(clock, heads, head);
    const seeSkew = reportSkew(clock, logger);
    seeSkew(head);
    const endReport = heads.subscribe(seeSkew);
    const sender = createTransactionSender({
      client,
      heads,
      signer,
      logger: options.logger,
      journal: store.transactions(id, signer.address),
      ...config.tasks.submission,
    });
    const mailbox = createTaskMailbox(client, addresses.taskMailbox);
    return {
      ...digests,
      chainId: id,
      name: chain.name,
      config: chain,
      client,
      addresses,
      mailbox,
      time,
      heads,
      sender,
      gas: new GasMemory(),
      close: async () => {
        endReport();
        time.close();
        await sender.close();
        await client.close();
      },
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Reads all that must be right before anything is built on the chain. May be called again when it fails. */
async function examine(
  client: ChainClient,
  { config, chain, signer }: OpenChainOptions,
  logger: Logger,
  signal: AbortSignal,
) {
  await client.start(signal);
  const addresses = await requireCore(client, client.chainId, config, logger);
  await requireMailbox(client, addresses.taskMailbox);
  const [head, digests, balance] = await Promise.all([
    client.head(),
    probeDigests(client, addresses),
    client.request('eth_getBalance', [signer.address, 'latest']),
  ]);
  requireBaseFee(head, chain.name);
  return { addresses, head, digests, balance: quantity(balance) };
}

/** The contracts a chain must have, L1 more than others, and L1's history. */
async function requireCore(client: ChainClient, id: ChainId, config: AggregatorConfig, logger: Logger) {
  if (id !== config.l1ChainId) {
    const { taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier, ...rest } = coreAddresses(
      id,
      config,
    );
    await requireContracts(client, { taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier });
    return { ...rest, taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier };
  }
  const addresses = l1CoreAddresses(id, config);
  const { taskMailbox, bn254CertificateVerifier, ecdsaCertificateVerifier } = addresses;
  const { allocationManager, keyRegistrar, crossChainRegistry } = addresses;
  await requireContracts(client, {
    taskMailbox,
    bn254CertificateVerifier,
    ecdsaCertificateVerifier,
    allocationManager,
    keyRegistrar,
    crossChainRegistry,
  });
  const note = await requireHistory(client, allocationManager);
  if (note !== undefined) logger.warn(note);
  return addresses;
}
