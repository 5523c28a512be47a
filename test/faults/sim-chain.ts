/** A chain in the hands of a simulation: what is mined when, and which blocks take the place of which. */

import {
  type Address,
  type BlockNumber,
  blockNumber,
  type OperatorSet,
  type TaskId,
} from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import type { ChainClient } from '../../src/chain/client.js';
import {
  createTaskMailbox,
  decodeTaskCreated,
  decodeTaskVerified,
  encodeCreateTask,
  TASK_CREATED_TOPIC,
  TASK_VERIFIED_TOPIC,
} from '../../src/chain/contracts/task-mailbox.js';
import type { Anvil } from '../support/anvil.js';
import { createDice } from './dice.js';
import { type Payment, Payments } from './payments.js';
import { BLOCK_SECONDS, type ChainName, MOST_DEPTH, type Step } from './sim-plan.js';

export type Reorg = Extract<Step, { kind: 'reorg' }>;

/** A task as the chain has it in the end. */
export interface ChainTask {
  readonly taskId: TaskId;
  readonly block: number;
  readonly deadlineSeconds: number;
  readonly payload: string;
  readonly operatorSet: OperatorSet;
  /** A value of `TaskStatus`, at the head. */
  readonly status: number;
  /** As text, once it is verified. */
  readonly result: string | undefined;
}

/** A block as JSON-RPC tells it, with its transactions' hashes. */
export interface RpcBlock {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
}

interface RpcTransaction {
  readonly hash: string;
  readonly from: string;
  readonly nonce: string;
}

/** A transaction of a replaced block, and in which of the new blocks it comes, from 0; there is one more of these. */
interface Returning {
  readonly raw: string;
  readonly place: number;
}

export interface SimChainOptions {
  readonly name: ChainName;
  readonly anvil: Anvil;
  readonly client: ChainClient;
  readonly mailbox: Address;
  readonly aggregator: Address;
  /** Whose keys anvil has. More than tasks within the longest reorg, so that none of theirs follows from another. */
  readonly users: readonly string[];
}

const CREATION_GAS = '0x1e8480';

export class SimChain {
  readonly name: ChainName;
  readonly anvil: Anvil;
  readonly #options: SimChainOptions;
  /** Tasks that were in blocks which a reorg has replaced, and the first of those. */
  readonly replacedTasks = new Map<TaskId, number>();
  /** What is at or below is final: reorgs end above it. */
  #final = 0;
  #nextUser = 0;

  constructor(options: SimChainOptions) {
    this.name = options.name;
    this.anvil = options.anvil;
    this.#options = options;
  }

  /** From here on blocks are so far apart, whatever time it is. */
  async begin(): Promise<void> {
    await this.anvil.rpc('anvil_setBlockTimestampInterval', BLOCK_SECONDS);
    await this.mine(1);
    await this.finalize();
  }

  async head(): Promise<RpcBlock> {
    return this.anvil.rpc<RpcBlock>('eth_getBlockByNumber', 'latest', false);
  }

  async finalize(): Promise<void> {
    this.#final = Number((await this.head()).number);
  }

  async mine(blocks: number): Promise<void> {
    for (let mined = 0; mined < blocks; mined += 1) await this.anvil.rpc('evm_mine');
  }

  async pass(seconds: number): Promise<void> {
    const { timestamp } = await this.head();
    await this.anvil.rpc('evm_setNextBlockTimestamp', Number(timestamp) + seconds);
    await this.mine(1);
  }

  /** Puts creations of tasks into the next block, each by another user. */
  async send(
    tasks: readonly { readonly operatorSet: OperatorSet; readonly payload: string }[],
  ): Promise<void> {
    for (const { operatorSet, payload } of tasks) {
      const from = this.#options.users[this.#nextUser++ % this.#options.users.length] ?? '';
      const data = encodeCreateTask({
        refundCollector: from as Address,
        operatorSet,
        payload: Buffer.from(payload),
      });
      const transaction = { from, to: this.#options.mailbox, data: toHex(data), gas: CREATION_GAS };
      await this.anvil.rpc('eth_sendTransaction', transaction);
    }
  }

  async fund(wei: bigint): Promise<void> {
    await this.anvil.rpc('anvil_setBalance', this.#options.aggregator, `0x${wei.toString(16)}`);
  }

  /** @returns the blocks that were replaced; none when all blocks are final */
  async reorg(reorg: Reorg): Promise<readonly RpcBlock[]> {
    const head = Number((await this.head()).number);
    const wanted =
      typeof reorg.from === 'number' ? reorg.from : head - (await this.#newest(reorg.from, head)) + 1;
    const depth = Math.min(wanted, MOST_DEPTH, head - this.#final);
    if (depth <= 0) return [];
    const numbers = Array.from({ length: depth }, (_, place) => head - depth + 1 + place);
    const replaced = await Promise.all(
      numbers.map((number) => this.anvil.rpc<RpcBlock>('eth_getBlockByNumber', quantity(number), false)),
    );
    for (const { taskId, block } of await this.tasks(head - depth + 1)) {
      if (!this.replacedTasks.has(taskId)) this.replacedTasks.set(taskId, block);
    }
    const returning = await this.#returning(reorg, numbers);
    const of = (place: number) => returning.filter((one) => one.place === place);
    await this.anvil.rpc('anvil_setBlockTimestampInterval', reorg.blockSeconds);
    if (reorg.how === 'at once') {
      const kept = returning.filter(({ place }) => place < depth);
      const pairs = kept.map(({ raw, place }) => [raw, place]);
      await this.anvil.rpc('anvil_reorg', depth, pairs);
    } else {
      await this.anvil.rpc('anvil_rollback', depth);
      for (const place of numbers.keys()) await this.#mineWith(of(place));
    }
    await this.#mineWith(of(depth));
    await this.anvil.rpc('anvil_setBlockTimestampInterval', BLOCK_SECONDS);
    return replaced;
  }

  /** The block of the newest task or result that a reorg can reach; the head if there is none. */
  async #newest(what: 'task' | 'result', head: number): Promise<number> {
    const from = Math.max(this.#final, head - MOST_DEPTH) + 1;
    if (what === 'task') return (await this.tasks(from)).at(-1)?.block ?? head;
    return (await this.payments(from)).at(-1)?.block ?? head;
  }

  async #mineWith(transactions: readonly Returning[]): Promise<void> {
    for (const { raw } of transactions) {
      // The aggregator may have sent it again already.
      await this.anvil.rpc('eth_sendRawTransaction', raw).catch(() => undefined);
    }
    await this.mine(1);
  }

  async #returning(reorg: Reorg, numbers: readonly number[]): Promise<Returning[]> {
    const dice = createDice(reorg.seed);
    const returning: Returning[] = [];
    for (const [place, number] of numbers.entries()) {
      const { transactions } = await this.anvil.rpc<{ transactions: RpcTransaction[] }>(
        'eth_getBlockByNumber',
        quantity(number),
        true,
      );
      for (const { hash, from } of transactions) {
        const isResult = from.toLowerCase() === this.#options.aggregator;
        const vanishes = isResult ? reorg.forgetsResults : dice.roll(100) < reorg.vanishing;
        const delay = !isResult && dice.roll(100) < reorg.later ? 1 + dice.roll(numbers.length) : 0;
        if (vanishes) continue;
        const raw = await this.anvil.rpc<string>('eth_getRawTransactionByHash', hash);
        returning.push({ raw, place: Math.min(numbers.length, place + delay) });
      }
    }
    // Within a block in the old order, in which nonces ascend.
    return returning.sort((a, b) => a.place - b.place);
  }

  /** The tasks of all blocks from this one on. */
  async tasks(fromBlock: number): Promise<ChainTask[]> {
    const { client, mailbox } = this.#options;
    const head = await client.head();
    if (fromBlock > head.number) return [];
    const range = { fromBlock: blockNumber(fromBlock), toBlock: head.number };
    const filter = (topic: typeof TASK_CREATED_TOPIC) => ({ addresses: [mailbox], topics: [topic] });
    const [created, verified] = await Promise.all([
      client.logs(filter(TASK_CREATED_TOPIC), range),
      client.logs(filter(TASK_VERIFIED_TOPIC), range),
    ]);
    const results = new Map(
      verified.map(decodeTaskVerified).map(({ taskId, result }) => [taskId, Buffer.from(result).toString()]),
    );
    const contract = createTaskMailbox(client, mailbox);
    return Promise.all(
      created.map(decodeTaskCreated).map(async ({ taskId, log, deadlineSeconds, payload, operatorSet }) => ({
        ...{ taskId, block: log.blockNumber, deadlineSeconds, operatorSet },
        payload: Buffer.from(payload).toString(),
        status: await contract.getTaskStatus(taskId, 'latest'),
        result: results.get(taskId),
      })),
    );
  }

  /** The aggregator's transactions in the blocks from this one on. */
  async payments(fromBlock: number): Promise<readonly Payment[]> {
    const rpc = (method: string, params: readonly unknown[]) => this.anvil.rpc(method, ...params);
    return new Payments(rpc, this.#options.aggregator, fromBlock).read();
  }

  async hashOf(number: BlockNumber): Promise<string | undefined> {
    const block = await this.anvil.rpc<RpcBlock | null>('eth_getBlockByNumber', quantity(number), false);
    return block?.hash;
  }

  async timeOf(number: number): Promise<number> {
    const { timestamp } = await this.anvil.rpc<RpcBlock>('eth_getBlockByNumber', quantity(number), false);
    return Number(timestamp);
  }
}

function quantity(value: number): string {
  return `0x${value.toString(16)}`;
}
