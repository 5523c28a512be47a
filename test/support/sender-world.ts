/** Results on their way to a real chain, as the aggregator sends them, behind an endpoint that fails on command. */
import { setMaxListeners } from 'node:events';
import { Wallet } from 'ethers';
import { ChainTime } from '../../src/aggregator/chain-time.js';
import { type SubmitOptions, type SubmitOutcome, submit } from '../../src/aggregator/submit.js';
import { chainId, type Hex, parseAddress, parseHex } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import type { TransactionRequest } from '../../src/chain/pending-transaction.js';
import type { SignedTransaction } from '../../src/chain/transaction.js';
import {
  createTransactionSender,
  type TransactionSender,
  type TransactionSenderOptions,
} from '../../src/chain/transaction-sender.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { type Anvil, startAnvil } from './anvil.js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';
import { LOG_EMITTER, placeLogEmitter } from './log-emitter.js';
import { type LogLine, recordingLogger } from './recording-logger.js';
import { until } from './until.js';

/** Anvil's first funded account. */
export const PAYER = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
export const ACCOUNT = parseAddress(PAYER.address);
export const CALL = { to: LOG_EMITTER, data: fromHex(parseHex(`0x${'aa'.repeat(32)}`)) };
/** For `FaultProxy.set`. */
export const SEND = { methods: ['eth_sendRawTransaction'] };

/** A result on its way, with every form that was signed. */
export interface SentResult {
  readonly settled: Promise<SubmitOutcome>;
  readonly signed: SignedTransaction[];
  /** Whether a node has it and has said so: from then on its sender looks after it at each head. */
  isSent(): boolean;
  isSettled(): boolean;
}

export interface SenderWorld {
  readonly anvil: Anvil;
  readonly proxy: FaultProxy;
  /** Asks through the proxy. */
  readonly client: ChainClient;
  readonly lines: readonly LogLine[];
  /** Closed with the world. */
  newSender(change?: Partial<TransactionSenderOptions>): TransactionSender;
  task(
    sender: TransactionSender,
    subject: string,
    change?: Partial<SubmitOptions>,
    request?: Partial<TransactionRequest>,
  ): SentResult;
  /** Resolves when they are sent. The node's pool has them a moment earlier: a head that comes then is one too early. */
  sent(...results: readonly SentResult[]): Promise<void>;
  /** @param baseFee of the block, in wei as hex */
  mine(baseFee?: string): Promise<void>;
  /** Mines, and lets whoever waits for a head do its work. */
  mineAndLook(baseFee?: string): Promise<void>;
  mineUntil(condition: () => boolean, baseFee?: string): Promise<void>;
  /** Transactions that the next block can take. */
  pooled(): Promise<number>;
  /** Of the account. */
  minedCount(): Promise<number>;
  /** Results in blocks. */
  results(): Promise<number>;
  /** Lines of the log. */
  count(level: string, message: RegExp): number;
  close(): Promise<void>;
}

/** Many times what any test needs. */
const MOST_BLOCKS = 1_000;

export async function openSenderWorld(): Promise<SenderWorld> {
  const anvil = await startAnvil({ chainId: 31_337 });
  await placeLogEmitter(anvil);
  const proxy = await startFaultProxy([anvil.url]);
  const client = createChainClient({
    chainId: chainId(31_337),
    name: 'local',
    rpcUrls: [proxy.url],
    clock: systemClock,
    logger: silentLogger,
  });
  const heads = new HeadTracker();
  const head = await client.head();
  heads.update(head);
  const chainTime = new ChainTime(systemClock, heads, head);
  const lines: LogLine[] = [];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const senders: TransactionSender[] = [];

  const world: SenderWorld = {
    anvil,
    proxy,
    client,
    lines,
    newSender(change = {}) {
      const sender = createTransactionSender({
        client,
        heads,
        signer: { address: ACCOUNT, signTransaction: (transaction) => PAYER.signTransaction(transaction) },
        logger: recordingLogger(lines),
        bumpPercent: 20,
        bumpAfterBlocks: 3,
        ...change,
      });
      senders.push(sender);
      return sender;
    },
    task(sender, subject, change = {}, request = {}) {
      const signed: SignedTransaction[] = [];
      let isSent = false;
      const waiter = {
        onSigned: async (transaction: SignedTransaction) => {
          signed.push(transaction);
        },
        onSent: () => {
          isSent = true;
        },
      };
      const settled = submit(
        {
          createdAtSeconds: 0,
          chainTime,
          status: async () => TaskStatus.created,
          awaitEarlier: async () => undefined,
          ready: (signal, onWait) => sender.ready(signal, onWait),
          turn: async () => () => undefined,
          simulate: () => sender.simulate(CALL),
          send: async (gas, signal, onPlaced) => {
            const call = { ...CALL, ...waiter, ...request, subject, gas, onPlaced };
            const receipt = await sender.send(call, signal);
            return { ...receipt, succeeded: receipt.status === 'succeeded' };
          },
          verifierRefusal: async () => undefined,
          onHookRevert: () => undefined,
          onRetry: () => undefined,
          ...change,
        },
        stop.signal,
      );
      let isSettled = false;
      const settling = settled.finally(() => {
        isSettled = true;
      });
      settling.catch(() => undefined);
      return { settled, signed, isSent: () => isSent, isSettled: () => isSettled };
    },
    sent: (...results) => until('all are sent', () => results.every(({ isSent }) => isSent())),
    async mine(baseFee) {
      if (baseFee !== undefined) await anvil.rpc('anvil_setNextBlockBaseFeePerGas', baseFee);
      await anvil.rpc('evm_mine');
      heads.update(await client.head());
    },
    async mineAndLook(baseFee) {
      await world.mine(baseFee);
      for (let look = 0; look < 12; look++) await client.head();
    },
    async mineUntil(condition, baseFee) {
      for (let blocks = 0; !condition(); blocks += 1) {
        if (blocks === MOST_BLOCKS) throw new Error(`not in ${MOST_BLOCKS} blocks: ${condition}`);
        await world.mineAndLook(baseFee);
      }
    },
    pooled: async () => Number((await anvil.rpc<{ pending: Hex }>('txpool_status')).pending),
    minedCount: async () => Number(await anvil.rpc('eth_getTransactionCount', ACCOUNT, 'latest')),
    results: async () =>
      (await anvil.rpc<unknown[]>('eth_getLogs', { fromBlock: '0x0', address: LOG_EMITTER })).length,
    count: (level, message) =>
      lines.filter((line) => line.level === level && message.test(line.message)).length,
    async close() {
      stop.abort();
      for (const sender of senders) await sender.close();
      chainTime.close();
      await client.close();
      await proxy.close();
      await anvil.close();
    },
  };
  return world;
}
