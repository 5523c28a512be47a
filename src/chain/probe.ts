/** What a chain must offer before a node begins to work on it; each shortcoming is one clear error. */
import type { Address } from '../base/brands.js';
import { blockNumber } from '../base/brands.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { ChainClient } from './client.js';
import { createTaskMailbox } from './contracts/task-mailbox.js';
import { firstKnownBlock } from './find-block.js';

/** L1 blocks of 30 days: as old as the operator table of a task may be. */
const HISTORY_BLOCKS = 216_000;

type ProbedClient = Pick<ChainClient, 'name' | 'chainId' | 'head' | 'block' | 'code' | 'call'>;

/** Contracts by the names of the configuration's `overrideContracts`. */
export type ContractsByName = Readonly<Record<string, Address>>;

/** @throws PonosError CONTRACT_MISSING for the first address without code, and the client's */
export async function requireContracts(client: ProbedClient, contracts: ContractsByName): Promise<void> {
  await Promise.all(
    Object.entries(contracts).map(async ([name, address]) => {
      if ((await client.code(address, 'latest')).length > 0) return;
      throw new PonosError('CONTRACT_MISSING', {
        message: `there is no ${name} on chain ${client.name} (${client.chainId})`,
        facts: { address },
        advice: `Check that rpcUrl leads to the right network, or name the address under overrideContracts.${name}.`,
      });
    }),
  );
}

/**
 * Asks the mailbox for a constant, so that another contract at its address is noticed before tasks are missed.
 * @throws PonosError CONTRACT_MISSING when it is no mailbox, and the client's
 */
export async function requireMailbox(client: ProbedClient, address: Address): Promise<void> {
  try {
    await createTaskMailbox(client, address).maxTaskSlaSeconds('latest');
  } catch (cause) {
    if (!isPonosError(cause, 'CONTRACT_REVERTED') && !isPonosError(cause, 'CONTRACT_MISSING')) throw cause;
    throw new PonosError('CONTRACT_MISSING', {
      message: `the contract at the taskMailbox address of chain ${client.name} (${client.chainId}) is no TaskMailbox`,
      facts: { address },
      advice: 'Correct overrideContracts.taskMailbox, or take it out to use the known address.',
    });
  }
}

/** anvil keeps the state of some four thousand blocks, and of none before the dump that it was started from. */
const DROPPED_BY_ANVIL = /BlockOutOfRange/;

/**
 * Reads the state of a block as old as the oldest that tasks lead to (the first one of a younger chain).
 * @returns a sentence when a development chain has dropped it, which every one does in time
 * @throws PonosError CHAIN_NO_HISTORY when any other endpoint has dropped it, and the client's
 */
export async function requireHistory(client: ProbedClient, contract: Address): Promise<string | undefined> {
  const head = await client.head();
  const first = await firstKnownBlock(head.number, (number) => client.block(number));
  const at = blockNumber(Math.max(first, head.number - HISTORY_BLOCKS));
  try {
    await client.call({ to: contract, data: new Uint8Array(), at });
    return undefined;
  } catch (cause) {
    // A call without a function reverts: the contract's state of that block was there to be asked.
    if (isPonosError(cause, 'CONTRACT_REVERTED')) return undefined;
    if (!isPonosError(cause, 'CHAIN_NO_HISTORY')) throw cause;
    if (DROPPED_BY_ANVIL.test(String(cause.facts.answer))) {
      return `chain ${client.name} (${client.chainId}) has dropped the state of its older blocks: tasks whose operator table is that old fail until tables are transported anew`;
    }
    throw new PonosError('CHAIN_NO_HISTORY', {
      message: `no endpoint of chain ${client.name} (${client.chainId}) has the state of past blocks`,
      facts: { block: at, head: head.number },
      advice: 'Use an archive node for L1: operator sets and keys are read as of past blocks.',
      cause,
    });
  }
}

/**
 * A sentence when a chain's ECDSA verifier is not at L1's address, undefined when it is. The chain checks
 * signatures against its own; nodes of other makes sign for L1's.
 */
export function noteOtherVerifier(
  chainName: string,
  verifier: Address,
  l1Verifier: Address,
): string | undefined {
  if (verifier === l1Verifier) return undefined;
  return `the ECDSACertificateVerifier of chain ${chainName} (${verifier}) is not at L1's address (${l1Verifier}): nodes that sign for L1's address will not be counted here`;
}
