import { describe, expect, test } from '@jest/globals';
import { ChainTime } from '../../../src/aggregator/chain-time.js';
import {
  type MinedTransaction,
  meaningOfRevert,
  type SubmitOptions,
  submit,
} from '../../../src/aggregator/submit.js';
import { blockNumber, type Hex, parseHash32, parseHex } from '../../../src/base/brands.js';
import { abortError } from '../../../src/base/clock.js';
import { isPonosError, PonosError } from '../../../src/base/error.js';
import type { Block } from '../../../src/chain/block.js';
import { revertedError } from '../../../src/chain/contracts/errors.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';
import { TaskStatus } from '../../../src/protocol/enums.js';
import { deferred } from '../../support/deferred.js';
import { manualClock, settle } from '../../support/manual-clock.js';

const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const block = (number: number): Block => ({
  number: blockNumber(number),
  hash: hash(number),
  parentHash: hash(number - 1),
  timestampSeconds: 1_000 + number,
  baseFeePerGas: undefined,
});

const INVALID_STATUS = parseHex(`0x81236312${'1'.padStart(64, '0')}${'2'.padStart(64, '0')}`);
const revert = (data: string) => revertedError(data as Hex);
const STALE = revert('0xc81f9ad6');
const [TIMESTAMP_AT_CREATION, THRESHOLD_NOT_MET, OF_THE_HOOK] = [
  '0x2b496ea0',
  '0x59fa4a93',
  '0xdeadbeef01',
].map(revert);

const mined = (n: number, succeeded = true): MinedTransaction => ({
  hash: hash(n),
  succeeded,
  gasUsed: 90_000n,
  costWei: 9n,
});

/** A chain at block 1, and a script of what each simulation does (the last one repeats). */
function world(simulations: readonly (unknown | undefined)[], change: Partial<SubmitOptions> = {}) {
  const heads = new HeadTracker();
  const chainTime = new ChainTime(manualClock(), heads, block(1));
  const seen = {
    simulated: 0,
    turns: 0,
    turnsEnded: 0,
    sent: 0,
    verifierAsked: 0,
    hookReverts: [] as unknown[],
    retries: [] as unknown[],
  };
  const options: SubmitOptions = {
    createdAtSeconds: 1_000,
    chainTime,
    status: async () => TaskStatus.created,
    turn: async () => {
      seen.turns += 1;
      return () => {
        seen.turnsEnded += 1;
      };
    },
    simulate: async () => {
      const outcome = simulations[Math.min(seen.simulated, simulations.length - 1)];
      seen.simulated += 1;
      if (outcome !== undefined) throw outcome;
      return 100_000n;
    },
    awaitEarlier: async () => undefined,
    ready: async () => undefined,
    verifierRefusal: async () => {
      seen.verifierAsked += 1;
      return undefined;
    },
    send: async () => {
      seen.sent += 1;
      return mined(77);
    },
    onHookRevert: (error) => seen.hookReverts.push(error),
    onRetry: (error) => seen.retries.push(error),
    ...change,
  };
  let head = 1;
  const nextBlock = async () => {
    await settle();
    head += 1;
    heads.update(block(head));
    await settle();
  };
  const stop = new AbortController();
  return { seen, nextBlock, stop, result: submit(options, stop.signal) };
}

describe('meaningOfRevert', () => {
  test.each([
    [INVALID_STATUS, 'status'],
    ['0x2b496ea0', 'too early'],
    ['0x59fa4a93', 'certificate'],
    ['0xc81f9ad6', 'certificate'],
    ['0x439cc0cd', 'certificate'],
    ['0xb550c570', 'certificate'],
    ['0xdeadbeef', 'hook'],
    [`0x08c379a0${'20'.padStart(64, '0')}${'2'.padStart(64, '0')}${'6e6f'.padEnd(64, '0')}`, 'hook'],
    [undefined, 'hook'],
  ] as const)('default: %s means %s', (data, meaning) => {
    expect(meaningOfRevert(revertedError(data as Hex | undefined))).toBe(meaning);
  });
});

describe('submit', () => {
  test('default: what passes the simulation is sent, and a mined transaction settles the task', async () => {
    const { result, seen } = world([undefined]);
    expect(await result).toEqual({ kind: 'verified', transaction: mined(77) });
    expect(seen).toMatchObject({ simulated: 1, sent: 1, turns: 1, turnsEnded: 1 });
  });

  test('behavior: nothing is simulated before there is a block younger than the task', async () => {
    const { result, seen, nextBlock } = world([undefined], { createdAtSeconds: 1_002 });
    await nextBlock();
    expect(seen.simulated).toBe(0);
    await nextBlock();
    expect((await result).kind).toBe('verified');
  });

  test('behavior: too early is tried again at the next block', async () => {
    const { result, seen, nextBlock } = world([TIMESTAMP_AT_CREATION, undefined]);
    await nextBlock();
    expect((await result).kind).toBe('verified');
    expect(seen.hookReverts).toEqual([]);
  });

  test('behavior: a task that somebody else got verified is completed', async () => {
    const { result, seen } = world([revert(INVALID_STATUS)], { status: async () => TaskStatus.verified });
    expect(await result).toEqual({ kind: 'completed elsewhere' });
    expect(seen.sent).toBe(0);
  });

  test('behavior: a transaction that reverts because another one was faster completes the task', async () => {
    const { result } = world([undefined], {
      status: async () => TaskStatus.verified,
      send: async () => mined(1, false),
    });
    expect(await result).toEqual({ kind: 'completed elsewhere' });
  });

  test('behavior: a hook that refuses is asked anew each block, and nothing is sent until it agrees', async () => {
    const { result, seen, nextBlock } = world([OF_THE_HOOK, OF_THE_HOOK, undefined]);
    await nextBlock();
    expect(seen).toMatchObject({ simulated: 2, sent: 0 });
    await nextBlock();
    expect((await result).kind).toBe('verified');
    expect(seen.hookReverts).toHaveLength(1);
  });

  test('error: what was in the way until the deadline is told', async () => {
    const dry = new PonosError('FUNDS_INSUFFICIENT', { message: 'the account is dry' });
    const { result, nextBlock, stop } = world([dry]);
    const failure = expect(result).rejects.toMatchObject({ code: 'TASK_EXPIRED', cause: dry });
    await nextBlock();
    stop.abort(new PonosError('TASK_EXPIRED', { message: 'the deadline has passed' }));
    await failure;
  });

  test('error: a hook that refuses until the deadline is named with its selector and data', async () => {
    const { result, nextBlock, stop, seen } = world([OF_THE_HOOK]);
    const failure = result.then(
      () => undefined,
      (error: unknown) => error,
    );
    await nextBlock();
    stop.abort(new PonosError('TASK_EXPIRED', { message: 'the deadline has passed' }));
    const error = await failure;
    expect(
      isPonosError(error, 'TASK_EXPIRED') && isPonosError(error.cause) && error.cause.facts,
    ).toMatchObject({
      selector: '0xdeadbeef',
      data: '0xdeadbeef01',
    });
    expect(seen.sent).toBe(0);
  });

  test('error: a revert of the contracts themselves is final and named', async () => {
    const { result } = world([THRESHOLD_NOT_MET], { verifierRefusal: async () => STALE });
    await expect(result).rejects.toMatchObject({
      code: 'TASK_REFUSED',
      facts: { error: 'CertificateStale' },
    });
  });

  test("behavior: a hook that names its error like the contracts' is asked anew each block", async () => {
    const { result, seen, nextBlock } = world([THRESHOLD_NOT_MET, THRESHOLD_NOT_MET, undefined]);
    await nextBlock();
    await nextBlock();
    expect((await result).kind).toBe('verified');
    expect(seen).toMatchObject({ verifierAsked: 2, sent: 1, hookReverts: [THRESHOLD_NOT_MET] });
  });

  test('behavior: the verifier is not asked of an error that the contracts do not have', async () => {
    const { result, seen, nextBlock } = world([OF_THE_HOOK, undefined]);
    await nextBlock();
    await result;
    expect(seen.verifierAsked).toBe(0);
  });

  test('behavior: a verifier that cannot be asked is asked again at the next block', async () => {
    const down = new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' });
    const { result, seen, nextBlock } = world([THRESHOLD_NOT_MET, undefined], {
      verifierRefusal: async () => {
        throw down;
      },
    });
    await nextBlock();
    expect((await result).kind).toBe('verified');
    expect(seen).toMatchObject({ retries: [down], hookReverts: [] });
  });

  test.each([
    ['a status that the task does not have', revert(INVALID_STATUS)],
    ['a time that has passed', TIMESTAMP_AT_CREATION],
  ])('behavior: %s, told once, is an endpoint that lags, told again it is the hook', async (_case, error) => {
    const { result, seen, nextBlock } = world([error, error, error, undefined]);
    await settle();
    expect(seen.hookReverts).toEqual([]);
    await nextBlock();
    await nextBlock();
    expect(seen.hookReverts).toEqual([error]);
    await nextBlock();
    expect((await result).kind).toBe('verified');
  });

  test('behavior: nothing is simulated before the account can send, and what is in the way is told once', async () => {
    const gate = deferred();
    const dry = new PonosError('FUNDS_INSUFFICIENT', { message: 'the account is dry' });
    const { result, seen, nextBlock } = world([undefined], {
      ready: (_signal, onWait) => {
        onWait(dry);
        return gate.promise;
      },
    });
    await nextBlock();
    expect(seen).toMatchObject({ simulated: 0, retries: [] });
    gate.resolve();
    expect((await result).kind).toBe('verified');
  });

  test('error: an account that is dry until the deadline is the reason of the failure', async () => {
    const dry = new PonosError('FUNDS_INSUFFICIENT', { message: 'the account is dry' });
    const { result, stop } = world([undefined], {
      ready: (signal, onWait) => {
        onWait(dry);
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(abortError(signal))),
        );
      },
    });
    const failure = expect(result).rejects.toMatchObject({ code: 'TASK_EXPIRED', cause: dry });
    await settle();
    stop.abort(new PonosError('TASK_EXPIRED', { message: 'the deadline has passed' }));
    await failure;
  });

  test('error: a task that the mailbox has closed is expired', async () => {
    const { result } = world([revert(INVALID_STATUS)], { status: async () => TaskStatus.expired });
    await expect(result).rejects.toMatchObject({ code: 'TASK_EXPIRED' });
  });

  test('behavior: nothing is sent while the transaction of an earlier run may still be mined', async () => {
    const earlier = deferred<MinedTransaction>();
    const { result, seen, nextBlock } = world([undefined], { awaitEarlier: () => earlier.promise });
    await nextBlock();
    expect(seen.simulated).toBe(0);
    earlier.resolve(mined(78));
    expect(await result).toEqual({ kind: 'verified', transaction: mined(78) });
    expect(seen.sent).toBe(0);
  });

  test.each([
    ['FUNDS_INSUFFICIENT', 0],
    ['TRANSACTION_REJECTED', 1],
    ['TRANSACTION_STUCK', 1],
  ] as const)(
    'behavior: after %s it is tried again at the next block; what the account lacks is told elsewhere',
    async (code, told) => {
      let failures = 0;
      const { result, seen, nextBlock } = world([undefined], {
        send: async () => {
          if (failures++ === 0) throw new PonosError(code, { message: 'not now' });
          return mined(77);
        },
      });
      await nextBlock();
      expect((await result).kind).toBe('verified');
      expect(seen.retries).toHaveLength(told);
    },
  );

  test('behavior: a chain that cannot be asked is asked again at the next block', async () => {
    const down = new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' });
    const { result, seen, nextBlock } = world([down, undefined]);
    await nextBlock();
    expect((await result).kind).toBe('verified');
    expect(seen.retries).toEqual([down]);
  });

  test('error: transactions that revert again and again are given up', async () => {
    const { result, seen } = world([undefined], { send: async () => mined(1, false) });
    await expect(result).rejects.toMatchObject({ code: 'TRANSACTION_FAILED' });
    expect(seen.simulated).toBe(3);
  });

  test('error: aborting ends the waiting for a block', async () => {
    const { result, stop } = world([TIMESTAMP_AT_CREATION]);
    const rejected = expect(result).rejects.toMatchObject({ code: 'ABORTED' });
    await settle();
    stop.abort();
    await rejected;
  });
});
