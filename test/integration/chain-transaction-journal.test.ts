/** Transactions on their way when the process dies: found again, and never paid for twice. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Transaction } from 'ethers';
import { chainId, type Hash32, type Hex, parseHex } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import type { SignedTransaction, TransactionSigner } from '../../src/chain/transaction.js';
import {
  createTransactionSender,
  type TransactionSender,
  type TransactionSenderOptions,
} from '../../src/chain/transaction-sender.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import type { TransactionRecords } from '../../src/store/aggregator-transactions.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { deferred } from '../support/deferred.js';
import { LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';
import { ACCOUNT, PAYER } from '../support/sender-world.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { untilTrue } from '../support/until.js';

const CHAIN = chainId(31_337);
const TASK = `0x${'7a'.repeat(32)}`;
const DATA = fromHex(parseHex(`0x${'aa'.repeat(32)}`));

/** A node between its start and its death. */
interface Life {
  readonly sender: TransactionSender;
  readonly journal: TransactionRecords;
  /** Every form that was signed. */
  readonly signed: SignedTransaction[];
  send(subject?: string): Promise<unknown>;
  /**
   * Resolves when the sender knows of so many that the pool has them. The pool knows a moment earlier, and a block
   * that is mined in between is not looked at: there was nothing to wait for.
   */
  handed(count?: number): Promise<void>;
  /** As kill -9 leaves it: nothing is told, nothing is cleared up, the disk is as it is. */
  kill(): Promise<void>;
}

let anvil: Anvil;
let client: ChainClient;
let folder: TemporaryFolder;
let heads: HeadTracker;
const endings: (() => Promise<void>)[] = [];

beforeEach(async () => {
  anvil = await startAnvil({ chainId: CHAIN });
  await placeLogEmitter(anvil);
  client = createChainClient({
    chainId: CHAIN,
    name: 'local',
    rpcUrls: [anvil.url],
    clock: systemClock,
    logger: silentLogger,
  });
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  await client.close();
  await anvil.close();
  await folder.remove();
});

async function live(
  change: Partial<TransactionSenderOptions['client']> = {},
  signTransaction: TransactionSigner['signTransaction'] = (transaction) => PAYER.signTransaction(transaction),
): Promise<Life> {
  const values = await openLevelStore({ dir: folder.path, syncWrites: true });
  const journal = createAggregatorStore(values).transactions(CHAIN, ACCOUNT);
  // A dead node hears of no head any more.
  heads = new HeadTracker();
  const signed: SignedTransaction[] = [];
  let handed = 0;
  const onSent = () => {
    handed += 1;
  };
  const sender = createTransactionSender({
    client: {
      name: client.name,
      chainId: client.chainId,
      head: () => client.head(),
      request: (method, params, delivery) => client.request(method, params, delivery),
      ask: (method, params, delivery, parse) => client.ask(method, params, delivery, parse),
      ...change,
    },
    heads,
    signer: { address: ACCOUNT, signTransaction },
    logger: silentLogger,
    journal,
    bumpPercent: 20,
    bumpAfterBlocks: 2,
  });
  endings.push(async () => {
    await sender.close();
    await values.close();
  });
  const onSigned = async (transaction: SignedTransaction) => {
    signed.push(transaction);
  };
  return {
    sender,
    journal,
    signed,
    async send(subject = TASK) {
      const request = { to: LOG_EMITTER, data: DATA, gas: 100_000n, subject, onSigned, onSent };
      return sender.send(request).catch((error: unknown) => error);
    },
    handed: (count = 1) => untilTrue(() => handed === count),
    kill: () => values.close(),
  };
}

/** A life that has sent a transaction for the task, and was killed while it was in the pool. */
async function killedWithOneSent(): Promise<SignedTransaction> {
  const life = await live();
  const sending = life.send();
  await untilTrue(async () => (await pooled()) === 1);
  // What is told to nobody any more is of no use to the next life either.
  sending.catch(() => undefined);
  await life.kill();
  const [sent] = life.signed;
  if (sent === undefined) throw new Error('nothing was signed');
  return sent;
}

async function mine() {
  await anvil.rpc('evm_mine');
  heads.update(await client.head());
}

/** Mines as many blocks as the sender lets pass before it replaces, each with a base fee above what is offered first. */
async function passBy() {
  for (let block = 0; block < 2; block++) {
    await anvil.rpc('anvil_setNextBlockBaseFeePerGas', '0x174876e800');
    await mine();
  }
}

const pooled = async () => Number((await anvil.rpc<{ pending: Hex }>('txpool_status')).pending);
const minedCount = async () => Number(await anvil.rpc('eth_getTransactionCount', ACCOUNT, 'latest'));
const wanted = async () => true;
const ofTask = (hash?: Hash32) => ({ subject: TASK, hash });

describe('a transaction on its way when the node is killed', () => {
  test('default: still in the pool, it is awaited, and nothing else is sent', async () => {
    const sent = await killedWithOneSent();
    const { sender, journal } = await live();
    expect(await sender.restore(wanted)).toBe(1);
    const resumed = sender.resume(ofTask(), {});
    await mine();
    expect(await resumed).toMatchObject({ status: 'succeeded', hash: sent.hash });
    expect(await minedCount()).toBe(1);
    expect(await journal.list()).toEqual([]);
  });

  test('behavior: dropped from the pool, the same bytes are sent again', async () => {
    const sent = await killedWithOneSent();
    await anvil.rpc('anvil_dropTransaction', sent.hash);
    const { sender } = await live();
    await sender.restore(wanted);
    const resumed = sender.resume(ofTask(), {});
    await mine();
    await untilTrue(async () => (await pooled()) === 1);
    await mine();
    expect(await resumed).toMatchObject({ status: 'succeeded', hash: sent.hash });
    expect(await minedCount()).toBe(1);
  });

  test('behavior: mined meanwhile, it is settled, and the next one takes the next nonce', async () => {
    const sent = await killedWithOneSent();
    await anvil.rpc('evm_mine');
    const life = await live();
    await life.sender.restore(wanted);
    const resumed = life.sender.resume(ofTask(), {});
    await mine();
    expect(await resumed).toMatchObject({ hash: sent.hash, status: 'succeeded' });
    expect(await life.journal.list()).toEqual([]);
    const next = life.send();
    await life.handed();
    expect(life.signed.map(({ nonce }) => nonce)).toEqual([1]);
    await mine();
    await next;
  });

  test('behavior: passed by, it is replaced with higher fees, and the next life knows both forms', async () => {
    const sent = await killedWithOneSent();
    const life = await live();
    await life.sender.restore(wanted);
    const signed: SignedTransaction[] = [];
    const resumed = life.sender.resume(ofTask(), {
      onSigned: async (transaction) => {
        signed.push(transaction);
      },
    });
    resumed.catch(() => undefined);
    await passBy();
    await untilTrue(() => signed.length === 1);
    await untilTrue(async () => (await anvil.rpc('eth_getTransactionByHash', signed.at(-1)?.hash)) !== null);
    await life.kill();

    const last = await live();
    const [kept] = await last.journal.list();
    expect(kept).toMatchObject({ nonce: 0, subject: TASK });
    expect(kept?.forms.map(({ hash }) => hash)).toEqual([sent.hash, ...signed.map(({ hash }) => hash)]);
    await last.sender.restore(wanted);
    const again = last.sender.resume(ofTask(), {});
    await mine();
    expect(await again).toMatchObject({ status: 'succeeded', hash: signed.at(-1)?.hash });
    expect(await minedCount()).toBe(1);
  });

  test('behavior: withdrawn when it was killed, it is not taken for the result', async () => {
    const life = await live();
    const isNeeded = async () => false;
    const handed = deferred();
    const onSent = () => handed.resolve();
    const request = { to: LOG_EMITTER, data: DATA, gas: 100_000n, subject: TASK, isNeeded, onSent };
    life.sender.send(request).catch(() => undefined);
    await handed.promise;
    await passBy();
    await untilTrue(async () => ((await life.journal.list())[0]?.forms.length ?? 0) === 2);
    const [kept] = await life.journal.list();
    await untilTrue(async () => (await anvil.rpc('eth_getTransactionByHash', kept?.forms[1]?.hash)) !== null);
    await life.kill();

    const { sender, journal } = await live();
    expect(await sender.restore(wanted)).toBe(1);
    const refused = expect(sender.resume(ofTask(), {})).rejects.toMatchObject({
      code: 'TRANSACTION_STUCK',
      kind: 'retryable',
      facts: { transaction: kept?.forms[1]?.hash },
    });
    await mine();
    await refused;
    expect([await minedCount(), await journal.list()]).toEqual([1, []]);
    const logs = await anvil.rpc('eth_getLogs', { fromBlock: '0x0', address: LOG_EMITTER });
    expect(logs).toEqual([]);
  });

  test('behavior: killed before the node had it, the same bytes are sent', async () => {
    let isAsked = false;
    const life = await live({
      request: (method, params, delivery) => {
        if (method !== 'eth_sendRawTransaction') return client.request(method, params, delivery);
        isAsked = true;
        return new Promise(() => undefined);
      },
    });
    // Its broadcast never ends, and so would its close: this life is killed, not closed.
    const [end] = endings.splice(-1);
    expect(end).toBeDefined();
    life.send();
    await untilTrue(() => isAsked);
    await life.kill();

    const { sender } = await live();
    await sender.restore(wanted);
    const resumed = sender.resume(ofTask(), {});
    await mine();
    await untilTrue(async () => (await pooled()) === 1);
    await mine();
    expect(await resumed).toMatchObject({ status: 'succeeded', hash: life.signed[0]?.hash });
    expect(await minedCount()).toBe(1);
  });

  test('behavior: of a task that is over, what the pool has dropped is forgotten', async () => {
    const sent = await killedWithOneSent();
    await anvil.rpc('anvil_dropTransaction', sent.hash);
    const { sender, journal } = await live();
    expect(await sender.restore(async () => false)).toBe(0);
    expect(await journal.list()).toEqual([]);
    expect(await sender.resume(ofTask(sent.hash), {})).toBeUndefined();
    await mine();
    expect([await pooled(), await minedCount()]).toEqual([0, 0]);
  });

  test('behavior: of a task that is over, what waits in the pool is seen to its end', async () => {
    await killedWithOneSent();
    const life = await live();
    expect(await life.sender.restore(async () => false)).toBe(1);
    const next = life.send();
    await life.handed();
    expect(life.signed.map(({ nonce }) => nonce)).toEqual([1]);
    await mine();
    expect(await next).toMatchObject({ status: 'succeeded' });
    await untilTrue(async () => (await life.journal.list()).length === 0);
  });
});

describe('many transactions on their way when the node is killed', () => {
  const COUNT = 6;
  const subjects = Array.from({ length: COUNT }, (_, n) => `task ${n}`);

  /** A life in whose hands every send stays: the node is asked as `ask` says, its answer never comes. */
  async function killedAmongSends(ask: (nonce: number) => boolean): Promise<readonly SignedTransaction[]> {
    let asked = 0;
    const life = await live({
      request: async (method, params, delivery) => {
        if (method !== 'eth_sendRawTransaction') return client.request(method, params, delivery);
        if (ask(Transaction.from(String(params[0])).nonce)) await client.request(method, params, delivery);
        asked += 1;
        return new Promise(() => undefined);
      },
    });
    // Its sends never end, and so would its close: this life is killed, not closed.
    endings.pop();
    for (const subject of subjects) life.send(subject);
    await untilTrue(() => asked === COUNT);
    await life.kill();
    return life.signed;
  }

  test.each([
    ['no node had any', () => false],
    ['a node had every other one', (nonce: number) => nonce % 2 === 1],
    ['a node had all, and had answered for none', () => true],
  ])(
    'behavior: %s: all of them are taken over and mined with the same bytes, none is sent anew',
    async (_case, ask) => {
      const signed = await killedAmongSends(ask);
      const { sender, journal } = await live();
      expect(await sender.restore(wanted)).toBe(COUNT);
      let mined = 0;
      const resumed = subjects.map(async (subject) => {
        const receipt = await sender.resume({ subject, hash: undefined }, {});
        mined += 1;
        return receipt;
      });
      await untilTrue(async () => {
        if (mined < COUNT) await mine();
        return mined === COUNT;
      });
      const hashes = (await Promise.all(resumed)).map((receipt) => receipt?.hash);
      expect(hashes).toEqual(signed.map(({ hash }) => hash));
      expect([await minedCount(), await journal.list()]).toEqual([COUNT, []]);
    },
  );

  test('behavior: what is on the disk has no gap, however long signing takes: the next life uses what was not kept', async () => {
    const slow = deferred();
    endings.push(async () => slow.resolve());
    const life = await live({}, async (transaction) => {
      if (transaction.nonce === 2) await slow.promise;
      return PAYER.signTransaction(transaction);
    });
    const sent = subjects.map((subject) => life.send(subject));
    await untilTrue(async () => (await pooled()) === 2);
    for (let look = 0; look < 10; look++) await client.head();
    expect((await life.journal.list()).map(({ nonce }) => nonce)).toEqual([0, 1]);
    await life.kill();
    slow.resolve();
    // Nothing that is not on the disk is sent.
    for (const outcome of sent.slice(2)) expect(await outcome).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await pooled()).toBe(2);

    const next = await live();
    expect(await next.sender.restore(wanted)).toBe(2);
    const again = subjects.slice(2).map((subject) => next.send(subject));
    await next.handed(again.length);
    expect(await pooled()).toBe(COUNT);
    await mine();
    for (const outcome of again) expect(await outcome).toMatchObject({ status: 'succeeded' });
    expect(next.signed.map(({ nonce }) => nonce)).toEqual([2, 3, 4, 5]);
  });
});

describe('a transaction that is sent', () => {
  test('default: every form is on the disk, with its bytes, before a node sees it', async () => {
    const known: boolean[] = [];
    let journal: TransactionRecords | undefined;
    const life = await live({
      request: async (method, params, delivery) => {
        if (method === 'eth_sendRawTransaction') {
          const kept = (await journal?.list()) ?? [];
          known.push(kept.some(({ forms }) => forms.some(({ raw }) => raw === params[0])));
        }
        return client.request(method, params, delivery);
      },
    });
    journal = life.journal;
    const sent = life.send();
    await life.handed();
    await passBy();
    await untilTrue(() => life.signed.length === 2);
    await untilTrue(
      async () => (await anvil.rpc('eth_getTransactionByHash', life.signed.at(-1)?.hash)) !== null,
    );
    expect(known).toEqual([true, true]);
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded', hash: life.signed.at(-1)?.hash });
  });

  test('behavior: one that cannot be kept is not sent', async () => {
    const life = await live();
    await life.kill();
    expect(await life.send()).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await pooled()).toBe(0);
  });

  test('behavior: refused by a node although another one has it, it is awaited, not sent anew', async () => {
    const life = await live({
      request: async (method, params, delivery) => {
        const answer = await client.request(method, params, delivery);
        if (method !== 'eth_sendRawTransaction') return answer;
        throw new PonosError('TRANSACTION_REJECTED', {
          message: 'refused',
          facts: { reason: 'nonce-too-low' },
        });
      },
    });
    const sent = life.send();
    await life.handed();
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded' });
    expect(life.signed).toHaveLength(1);
    expect(await minedCount()).toBe(1);
  });

  test('error: one that is refused for good leaves nothing behind', async () => {
    const life = await live();
    await anvil.rpc('anvil_setBalance', ACCOUNT, '0x0');
    expect(await life.send()).toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
    expect(await life.journal.list()).toEqual([]);
  });
});
