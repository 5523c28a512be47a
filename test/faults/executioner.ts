/** Kills nodes at their moments and starts them again. */
import { abortError, systemClock } from '../../src/base/clock.js';
import { isPonosError } from '../../src/base/error.js';
import type { E2eNetwork } from '../support/e2e-network.js';
import { type LogTail, tailLog } from './log-tail.js';
import type { Kill, Moment } from './plan-round.js';

/** So long a performer works: long enough to be hit at work. */
const PERFORMER_DELAY_MS = 100;
/** A block must be noticed before the aggregator, which polls, has read it. */
const POLL_MS = 10;

export class Executioner {
  readonly #network: E2eNetwork;
  readonly #tails = new Map<string, LogTail>();
  /** How often each node was killed; a start that a kill has ended is no failure. */
  readonly #kills = new Map<string, number>();

  constructor(network: E2eNetwork, nodes: readonly string[]) {
    this.#network = network;
    for (const name of nodes) this.#tails.set(name, tailLog(`${network.folder}/${name}.log`));
  }

  async start(name: string): Promise<void> {
    const kills = this.#killsOf(name);
    try {
      await this.#network.start([name], { performerDelayMs: PERFORMER_DELAY_MS });
    } catch (error) {
      if (this.#killsOf(name) === kills) throw error;
    }
  }

  /**
   * Carries out the kills of a round at once, one after the other where the victim is the same. When it
   * resolves, every victim has been started again.
   * @param over the round's tasks have ended: moments that have not come will not come
   * @returns the kills that happened
   */
  async carryOut(kills: readonly Kill[], over: AbortSignal): Promise<Kill[]> {
    const done: Kill[] = [];
    const restarts: Promise<void>[] = [];
    const strike = async (kill: Kill) => {
      const { victim, moment, fuseMs, downMs } = kill;
      await this.#moment(victim, moment, over);
      if (fuseMs > 0) await systemClock.sleep(fuseMs);
      await this.kill(victim);
      done.push(kill);
      await systemClock.sleep(downMs);
      const restart = this.start(victim);
      // It is looked at when all strikes are over.
      restart.catch(() => undefined);
      restarts.push(restart);
    };
    const [first, ...others] = kills;
    const again = others.filter(({ duringRestart }) => duringRestart);
    const elsewhere = others.filter(({ duringRestart }) => !duringRestart);
    const inTurn = async () => {
      for (const kill of first === undefined ? again : [first, ...again]) await strike(kill);
    };
    const strikes = await Promise.allSettled([inTurn(), ...elsewhere.map(strike)]);
    const starts = await Promise.allSettled(restarts);
    for (const result of [...strikes, ...starts]) {
      if (result.status === 'rejected' && !isPonosError(result.reason, 'ABORTED')) throw result.reason;
    }
    return done;
  }

  async kill(name: string): Promise<void> {
    this.#kills.set(name, this.#killsOf(name) + 1);
    await this.#network.kill(name);
  }

  close(): void {
    for (const tail of this.#tails.values()) tail.close();
  }

  async #moment(victim: string, moment: Moment, over: AbortSignal): Promise<void> {
    if (moment.kind === 'random') return systemClock.sleep(moment.afterMs, over);
    if (moment.kind === 'mined') return this.#tasksMined(over);
    const tail = this.#tails.get(victim);
    if (tail === undefined) throw abortError();
    await tail.logged(moment.message, moment.times, over);
  }

  /** Resolves when the user who creates tasks has more transactions in blocks of L1 than now. */
  async #tasksMined(over: AbortSignal): Promise<void> {
    const { rpc, cast } = this.#network;
    const count = async () =>
      Number(await rpc('L1', 'eth_getTransactionCount', [cast.user.address, 'latest']));
    const before = await count();
    while ((await count()) === before) await systemClock.sleep(POLL_MS, over);
  }

  #killsOf(name: string): number {
    return this.#kills.get(name) ?? 0;
  }
}
