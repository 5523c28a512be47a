/** The JSON-RPC methods around sending: gas, fees, nonces, receipts. */
import type { Address, Hash32 } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { isPonosError } from '../base/error.js';
import { quantity, smallQuantity } from './block.js';
import type { ChainClient } from './client.js';
import { type PooledTransaction, parsePooled, parseReceipt, type Receipt } from './transaction.js';

/** Offered where a node does not suggest anything: 1 gwei. */
const DEFAULT_PRIORITY_FEE = 1_000_000_000n;
/** 50 gwei: more than that an endpoint that suggests it does not get, since it is paid whatever the base fee is. */
const MOST_PRIORITY_FEE = 50_000_000_000n;

export class Account {
  readonly #client: Pick<ChainClient, 'request' | 'ask'>;
  readonly #address: Address;

  constructor(client: Pick<ChainClient, 'request' | 'ask'>, address: Address) {
    this.#client = client;
    this.#address = address;
  }

  /** Gas that the call needs at the head. @throws PonosError CONTRACT_REVERTED, and the client's */
  async estimateGas(to: Address, data: Uint8Array): Promise<bigint> {
    const call = { from: this.#address, to, data: toHex(data) };
    return this.#client.ask('eth_estimateGas', [call, 'latest'], 'single', quantity);
  }

  /** Transactions of the account: mined (`latest`), or with those in the node's pool (`pending`). */
  async transactionCount(tag: 'latest' | 'pending'): Promise<number> {
    return this.#client.ask('eth_getTransactionCount', [this.#address, tag], 'single', smallQuantity);
  }

  /** Wei at the head. */
  async balance(): Promise<bigint> {
    return this.#client.ask('eth_getBalance', [this.#address, 'latest'], 'single', quantity);
  }

  /** The node's suggestion, wei per gas, as far as it is plausible. */
  async priorityFee(): Promise<bigint> {
    try {
      const suggested = await this.#client.ask('eth_maxPriorityFeePerGas', [], 'single', quantity);
      return suggested < MOST_PRIORITY_FEE ? suggested : MOST_PRIORITY_FEE;
    } catch (error) {
      // Not every node has this method.
      if (isPonosError(error, 'CHAIN_RPC')) return DEFAULT_PRIORITY_FEE;
      throw error;
    }
  }

  async receipt(hash: Hash32): Promise<Receipt | undefined> {
    return this.#client.ask('eth_getTransactionReceipt', [hash], 'batched', parseReceipt);
  }

  /** A transaction of this account that is not in a block yet; undefined when the node has none. */
  async pooled(hash: Hash32): Promise<PooledTransaction | undefined> {
    const found = await this.#client.ask('eth_getTransactionByHash', [hash], 'single', parsePooled);
    return found?.from === this.#address ? found : undefined;
  }

  /** Whether the node has the transaction, in its pool or in a block. */
  async knows(hash: Hash32): Promise<boolean> {
    return (await this.#client.request('eth_getTransactionByHash', [hash])) !== null;
  }

  /**
   * Hands a signed transaction to the node; one that it knows already is fine.
   * @throws PonosError TRANSACTION_REJECTED, FUNDS_INSUFFICIENT, and the client's
   */
  async broadcast(raw: string): Promise<void> {
    try {
      await this.#client.request('eth_sendRawTransaction', [raw]);
    } catch (error) {
      if (isPonosError(error, 'TRANSACTION_REJECTED') && error.facts.reason === 'already-known') return;
      throw error;
    }
  }
}
