/** Every transaction that an account has in blocks: what it has paid for. */
import { Interface } from 'ethers';
import type { Address } from '../../src/base/brands.js';

export interface Payment {
  readonly hash: string;
  readonly nonce: number;
  readonly block: number;
  readonly succeeded: boolean;
  /** The task whose result it submits; undefined for any other transaction. */
  readonly taskId: string | undefined;
}

type Rpc = (method: string, params: readonly unknown[]) => Promise<unknown>;

interface RpcTransaction {
  readonly hash: string;
  readonly from: string;
  readonly nonce: string;
  readonly input: string;
}

const MAILBOX = new Interface(['function submitResult(bytes32 taskHash, bytes executorCert, bytes result)']);

/** Reads a chain's blocks as they come; each is read once. */
export class Payments {
  readonly #rpc: Rpc;
  readonly #account: Address;
  readonly #found: Payment[] = [];
  #nextBlock: number;

  constructor(rpc: Rpc, account: Address, firstBlock: number) {
    this.#rpc = rpc;
    this.#account = account;
    this.#nextBlock = firstBlock;
  }

  /** From the next block on. */
  static async from(rpc: Rpc, account: Address): Promise<Payments> {
    return new Payments(rpc, account, Number(await rpc('eth_blockNumber', [])) + 1);
  }

  /** Those in blocks up to the head, in the order of their nonces. */
  async read(): Promise<readonly Payment[]> {
    const head = Number(await this.#rpc('eth_blockNumber', []));
    for (; this.#nextBlock <= head; this.#nextBlock += 1) await this.#readBlock(this.#nextBlock);
    return this.#found.sort((a, b) => a.nonce - b.nonce);
  }

  /** Transactions of the account that are in no block yet. */
  async waiting(): Promise<number> {
    const [latest, pending] = await Promise.all(
      ['latest', 'pending'].map((tag) => this.#rpc('eth_getTransactionCount', [this.#account, tag])),
    );
    return Number(pending) - Number(latest);
  }

  async #readBlock(number: number): Promise<void> {
    const block = await this.#rpc('eth_getBlockByNumber', [`0x${number.toString(16)}`, true]);
    const { transactions } = block as { transactions: readonly RpcTransaction[] };
    for (const { hash, from, nonce, input } of transactions) {
      if (from.toLowerCase() !== this.#account) continue;
      const receipt = await this.#rpc('eth_getTransactionReceipt', [hash]);
      const { status } = receipt as { status: string };
      const taskId: string | undefined = MAILBOX.parseTransaction({ data: input })?.args.taskHash;
      this.#found.push({
        hash,
        nonce: Number(nonce),
        block: number,
        succeeded: Number(status) === 1,
        taskId,
      });
    }
  }
}
