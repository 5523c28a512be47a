/**
 * A local chain while it is being set up: it mines only when told, so that hundreds of transactions
 * need a handful of blocks and no waiting.
 */
import { type Interface, JsonRpcProvider, type Result, Transaction, toQuantity, Wallet } from 'ethers';
import { type Address, type BlockNumber, blockNumber, parseHex } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Account } from './cast.js';

/** Enough for any call of the setup; a devnet block holds many of these. */
const GAS_LIMIT = 5_000_000n;
const RECEIPT_LIMIT_MS = 60_000;
const MAX_FEE_PER_GAS = 100n * 10n ** 9n;

/** A contract of the devnet: where it is and what can be called. */
export interface PlacedContract {
  readonly address: Address;
  readonly abi: Interface;
}

interface Pending {
  readonly hash: string;
  readonly what: string;
  readonly contract: PlacedContract;
}

export class SetupChain {
  readonly #provider: JsonRpcProvider;
  readonly #chainId: number;
  readonly #nonces = new Map<Address, number>();
  #pending: Pending[] = [];
  #minesByItself: boolean;

  constructor(url: string, chainId: number, minesByItself: boolean) {
    // A batch of one is sent at once; ethers holds larger ones back, for each of hundreds of requests in a row.
    const options = { staticNetwork: true, cacheTimeout: -1, batchMaxCount: 1 };
    this.#provider = new JsonRpcProvider(url, chainId, options);
    this.#chainId = chainId;
    this.#minesByItself = minesByItself;
  }

  /** Puts a contract's code at a fixed address. */
  async place(address: Address, deployedBytecode: string): Promise<void> {
    await this.#provider.send('anvil_setCode', [address, deployedBytecode]);
  }

  /** Puts a transaction into the pool; `settle()` carries it out. */
  async send(
    from: Account,
    contract: PlacedContract,
    method: string,
    args: readonly unknown[],
  ): Promise<void> {
    const nonce =
      this.#nonces.get(from.address) ??
      Number(await this.#provider.send('eth_getTransactionCount', [from.address, 'pending']));
    this.#nonces.set(from.address, nonce + 1);
    const transaction = Transaction.from({
      type: 2,
      chainId: this.#chainId,
      to: contract.address,
      data: contract.abi.encodeFunctionData(method, args),
      nonce,
      gasLimit: GAS_LIMIT,
      maxFeePerGas: MAX_FEE_PER_GAS,
      maxPriorityFeePerGas: 1n,
    });
    const signed = await new Wallet(toHex(from.secret)).signTransaction(transaction);
    const hash = await this.#provider.send('eth_sendRawTransaction', [signed]);
    this.#pending.push({ hash, what: method, contract });
  }

  /**
   * Waits until everything that was sent is in a block, mining one where the chain does not do so
   * by itself, and checks each receipt.
   *
   * @throws PonosError TRANSACTION_FAILED naming the call and the contract's error
   */
  async settle(clock: Clock): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    if (!this.#minesByItself) await this.#provider.send('evm_mine', []);
    for (const transaction of pending) {
      if (await this.#succeeded(transaction, clock)) continue;
      throw new PonosError('TRANSACTION_FAILED', {
        message: `${transaction.what} reverted with ${await this.#revertName(transaction)}`,
        facts: { hash: transaction.hash, contract: transaction.contract.address },
      });
    }
  }

  async #succeeded({ hash, what }: Pending, clock: Clock): Promise<boolean> {
    const deadlineMs = clock.monotonicMs() + RECEIPT_LIMIT_MS;
    for (;;) {
      const receipt = await this.#provider.send('eth_getTransactionReceipt', [hash]);
      if (receipt !== null) return receipt.status === '0x1';
      if (!this.#minesByItself || clock.monotonicMs() >= deadlineMs) {
        throw new PonosError('TRANSACTION_FAILED', { message: `${what} was not mined`, facts: { hash } });
      }
      await clock.sleep(100);
    }
  }

  async #revertName({ hash, contract }: Pending): Promise<string> {
    const transaction = await this.#provider.send('eth_getTransactionByHash', [hash]);
    try {
      const { from, to, input } = transaction;
      await this.#provider.send('eth_call', [{ from, to, data: input }, 'latest']);
    } catch (error) {
      const data = (error as { info?: { error?: { data?: string } }; data?: string }).info?.error?.data;
      const known = data === undefined ? null : contract.abi.parseError(data);
      return known?.name ?? data ?? String(error);
    }
    return 'an error that does not repeat';
  }

  /** Reads from a contract at the head. */
  read(contract: PlacedContract, method: string, args: readonly unknown[]): Promise<Result> {
    return this.#call('latest', contract, method, args);
  }

  /** Reads from a contract as of a block. */
  readAt(
    block: BlockNumber,
    contract: PlacedContract,
    method: string,
    args: readonly unknown[],
  ): Promise<Result> {
    return this.#call(toQuantity(block), contract, method, args);
  }

  async #call(
    block: string,
    contract: PlacedContract,
    method: string,
    args: readonly unknown[],
  ): Promise<Result> {
    const data = contract.abi.encodeFunctionData(method, args);
    const answer = await this.#provider.send('eth_call', [{ to: contract.address, data }, block]);
    return contract.abi.decodeFunctionResult(method, answer);
  }

  /** Height and time of the head. */
  async head(): Promise<{ number: BlockNumber; timestampSeconds: number; hash: string }> {
    const block = await this.#provider.send('eth_getBlockByNumber', ['latest', false]);
    return {
      number: blockNumber(BigInt(block.number)),
      timestampSeconds: Number(block.timestamp),
      hash: parseHex(block.hash),
    };
  }

  /** Returns once the head's time has reached `timestampSeconds`, moving it there where blocks come on demand. */
  async reachTime(timestampSeconds: number, clock: Clock): Promise<void> {
    while ((await this.head()).timestampSeconds < timestampSeconds) {
      if (this.#minesByItself) {
        await clock.sleep(200);
      } else {
        await this.#provider.send('evm_setNextBlockTimestamp', [timestampSeconds]);
        await this.#provider.send('evm_mine', []);
      }
    }
  }

  /** From here on the chain mines by itself, every `seconds`. */
  async mineEvery(seconds: number): Promise<void> {
    await this.#provider.send('evm_setIntervalMining', [seconds]);
    this.#minesByItself = true;
  }

  close(): void {
    this.#provider.destroy();
  }
}
