/** Carries out the steps of a simulation, and has what comes of them judged whenever all is calm. */
import { chainId, type TaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { isFinished } from '../../src/store/aggregator-records.js';
import { createDice } from './dice.js';
import type { Problem } from './judge-payments.js';
import type { ChainTask } from './sim-chain.js';
import { type Circumstances, judgeSpending, judgeTasks } from './sim-judge.js';
import { AVSS, CHAINS, type ChainName, describeStep, planSteps, SETS, type Step } from './sim-plan.js';
import { RICH_WEI, type SimChainSeat, type SimWorld, startSimWorld } from './sim-world.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  readonly report: (line: string) => void;
}

export interface SimulationResult {
  readonly verified: number;
  readonly failed: number;
  /** That a reorg has brought into another block. */
  readonly moved: number;
  /** That were seen on the chain at some time, and are not on it any more. */
  readonly vanished: number;
  readonly reorgs: number;
  readonly restarts: number;
  readonly reverted: number;
}

interface Created {
  readonly isFresh: boolean;
  /** How many reorgs the chain had seen before. */
  readonly reorgs: number;
}

const POLL_MS = 10;
/** Nothing new in so many looks is quiet. */
const QUIET_POLLS = 3;
/** A step goes on after so many looks also when it is not quiet; a calm one waits for what rests after faults. */
const STEP_POLLS = 40;
const CALM_POLLS = 2_000;
/** Within these every task has ended, whatever was done to it, and fresh ones have, without any hurry. */
const CALM_BLOCKS = 80;
const FRESH_BLOCKS = 12;
const DRY_WEI = 1n;
const STORY_STEPS = 60;

/** @throws Error with the seed, the steps so far, and the log of the tasks concerned when a promise is broken */
export async function runSimulation(options: SimulationOptions): Promise<SimulationResult> {
  const world = await startSimWorld();
  try {
    return await new Simulation(world, options).run();
  } finally {
    await world.close();
  }
}

class Simulation {
  readonly #world: SimWorld;
  readonly #options: SimulationOptions;
  readonly #created = new Map<string, Created>();
  readonly #reorgs: Record<ChainName, number> = { L1: 0, L2: 0 };
  readonly #judgedUpTo: Record<ChainName, number> = { L1: 0, L2: 0 };
  readonly #history: string[] = [];
  /** Tasks that were sent since this line of the log are fresh ones; undefined while there are none. */
  #freshSince: number | undefined;
  readonly #totals = { verified: 0, failed: 0, moved: 0, vanished: 0, reorgs: 0, restarts: 0, reverted: 0 };

  constructor(world: SimWorld, options: SimulationOptions) {
    this.#world = world;
    this.#options = options;
  }

  async run(): Promise<SimulationResult> {
    const { seed, steps, report } = this.#options;
    for (const name of CHAINS) this.#judgedUpTo[name] = await this.#headOf(name);
    for (const [index, step] of planSteps(createDice(seed), steps).entries()) {
      const line = `${index + 1}. ${describeStep(step)}`;
      this.#history.push(line);
      try {
        for (const { faults } of this.#seats) faults.end(index);
        await this.#world.node.start();
        await this.#carryOut(step, index);
        if (step.kind === 'calm') report(`${line}: ${JSON.stringify(this.#totals)}`);
        else await this.#settle(STEP_POLLS);
        this.#lookAtNode();
      } catch (error) {
        const story = this.#history.slice(-STORY_STEPS).join('\n  ');
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        throw new Error(`seed ${seed}, ${steps} steps: ${message}\nthe steps so far:\n  ${story}`, {
          cause: error,
        });
      }
    }
    return this.#totals;
  }

  get #seats(): readonly SimChainSeat[] {
    return Object.values(this.#world.seats);
  }

  async #carryOut(step: Step, index: number): Promise<void> {
    const { seats, executors, node } = this.#world;
    switch (step.kind) {
      case 'mine':
        return seats[step.chain].chain.mine(step.blocks);
      case 'tasks':
        await this.#create(step.chain, step.tasks, false);
        return seats[step.chain].chain.mine(1);
      case 'reorg': {
        const { chain, faults } = seats[step.chain];
        const replaced = await chain.reorg(step);
        faults.replaced(replaced);
        if (replaced.length === 0) return;
        this.#reorgs[step.chain] += 1;
        this.#totals.reorgs += 1;
        return;
      }
      case 'fault':
        return seats[step.chain].faults.begin(step, index);
      case 'tables':
        return this.#world.changeTables(step.avs, step.change);
      case 'executor':
        return executors[step.executor]?.become(step.mood);
      case 'restart':
        await this.#world.stopNode(step.how);
        this.#totals.restarts += 1;
        return node.start();
      case 'account':
        return seats[step.chain].chain.fund(step.state === 'dry' ? DRY_WEI : RICH_WEI);
      case 'warp':
        return seats[step.chain].chain.pass(step.seconds);
      case 'calm':
        return this.#calm();
    }
  }

  async #create(
    chain: ChainName,
    kinds: readonly { readonly avs: number; readonly set: number }[],
    isFresh: boolean,
  ): Promise<void> {
    const tasks = kinds.map(({ avs, set }) => {
      const payload = `task ${this.#created.size}`;
      this.#created.set(payload, { isFresh, reorgs: this.#reorgs[chain] });
      const address = this.#world.avss[avs];
      if (address === undefined) throw new Error(`there is no AVS ${avs}`);
      return { operatorSet: { avs: address, id: set }, payload };
    });
    await this.#world.seats[chain].chain.send(tasks);
  }

  /** Mends all, lets everything end, proves that fresh tasks of all kinds are verified now, and judges. */
  async #calm(): Promise<void> {
    const { executors } = this.#world;
    for (const { chain, faults } of this.#seats) {
      faults.end();
      await chain.fund(RICH_WEI);
    }
    for (const executor of executors) await executor.become('honest');
    await this.#mineUntil(CALM_BLOCKS, 'tasks have not ended', () => this.#unfinished());
    const kinds = SETS.flatMap((set) => Array.from({ length: AVSS }, (_, avs) => ({ avs, set })));
    this.#freshSince = this.#world.node.log.length;
    for (const name of CHAINS) await this.#create(name, kinds, true);
    await this.#mineUntil(FRESH_BLOCKS, 'fresh tasks are not verified', () => this.#unfinished());
    this.#freshSince = undefined;
    // Until the cursor is at the block of the last result, which is asked for again there.
    for (let block = 0; block < 2; block += 1) await this.#mineAndSettle();
    await this.#judge();
  }

  /** At least one block; as long as `open` finds tasks. */
  async #mineUntil(blocks: number, failure: string, open: () => Promise<readonly TaskId[]>): Promise<void> {
    let left: readonly TaskId[] = [];
    for (let mined = 0; mined < blocks; mined += 1) {
      await this.#mineAndSettle();
      left = await open();
      if (left.length === 0) return;
    }
    throw new Error(`${failure} after ${blocks} blocks: ${left.join(', ')}\n${this.#excerpts(left)}`);
  }

  async #mineAndSettle(): Promise<void> {
    for (const { chain } of this.#seats) await chain.mine(1);
    await this.#settle(CALM_POLLS);
    const { node } = this.#world;
    if (!node.isUp) throw new Error('the node does not come up although nothing is wrong');
  }

  async #unfinished(): Promise<readonly TaskId[]> {
    const { node, seats } = this.#world;
    const open = new Set((await node.store.unfinishedTasks()).map(({ taskId }) => taskId));
    for (const name of CHAINS) {
      const { chain, id } = seats[name];
      for (const { taskId } of await chain.tasks(this.#judgedUpTo[name] + 1)) {
        const stored = await node.store.task({ chainId: chainId(id), taskId });
        if (stored === undefined || !isFinished(stored)) open.add(taskId);
      }
    }
    return [...open];
  }

  /** Waits until the node has read what there is to read, and does nothing but look for more. */
  async #settle(polls: number): Promise<void> {
    let quiet = 0;
    let before = -1;
    for (let poll = 0; poll < polls && quiet < QUIET_POLLS; poll += 1) {
      await systemClock.sleep(POLL_MS);
      const now = this.#activity();
      const isIdle = now === before && !this.#isVerifying() && (await this.#hasReadAll());
      quiet = isIdle ? quiet + 1 : 0;
      before = now;
    }
  }

  /** Grows with whatever the node does but look at heads. */
  #activity(): number {
    const requests = this.#seats.flatMap(({ proxies }) =>
      proxies.map(
        (proxy) =>
          proxy.requests() - proxy.requests('eth_getBlockByNumber') - proxy.requests('eth_blockNumber'),
      ),
    );
    return requests.reduce((sum, count) => sum + count, this.#world.node.logged);
  }

  /** Answers to fresh tasks, which are all good, are verified by a thread that neither asks nor tells, and may be slow. */
  #isVerifying(): boolean {
    const lines = this.#world.node.log.slice(this.#freshSince ?? Number.POSITIVE_INFINITY);
    const told = (step: string) =>
      new Set(lines.filter(({ message }) => message === `task ${step}`).map(({ fields }) => fields.taskId));
    const [met, failed] = [told('threshold met'), told('failed')];
    return [...told('sent')].some((taskId) => !met.has(taskId) && !failed.has(taskId));
  }

  async #hasReadAll(): Promise<boolean> {
    const { node } = this.#world;
    if (!node.isUp) return false;
    for (const { chain, id, confirmations } of this.#seats) {
      const cursor = await node.store.cursor(chainId(id));
      const { number } = await chain.head();
      if (cursor === undefined || cursor.number !== Number(number) - confirmations) return false;
      if ((await chain.hashOf(cursor.number)) !== cursor.hash) return false;
    }
    return true;
  }

  async #judge(): Promise<void> {
    const { seats, node } = this.#world;
    const problems: Problem[] = [];
    for (const name of CHAINS) {
      const { chain, id } = seats[name];
      const from = this.#judgedUpTo[name] + 1;
      const [onChain, payments] = await Promise.all([chain.tasks(from), chain.payments(from)]);
      const ids = new Set([...onChain.map(({ taskId }) => taskId), ...chain.replacedTasks.keys()]);
      const records = await Promise.all(
        [...ids].map((taskId) => node.store.task({ chainId: chainId(id), taskId })),
      );
      const stored = records.flatMap((record) => record ?? []);
      const times = new Map<number, number>();
      for (const { block } of payments) times.set(block, await chain.timeOf(block));
      const judged = {
        ...{ onChain, stored, payments },
        timeOf: (block: number) => times.get(block) ?? 0,
        circumstances: (task: ChainTask) => this.#circumstancesOf(name, task),
      };
      problems.push(...judgeTasks(judged), ...judgeSpending(judged));
      const verified = stored.filter(({ status }) => status === 'completed').length;
      this.#totals.verified += verified;
      this.#totals.failed += onChain.length - verified;
      this.#totals.moved += onChain.filter(
        ({ taskId, block }) => (chain.replacedTasks.get(taskId) ?? block) !== block,
      ).length;
      this.#totals.vanished += stored.length - onChain.length;
      this.#totals.reverted += payments.filter(({ succeeded }) => !succeeded).length;
      await chain.finalize();
      chain.replacedTasks.clear();
      this.#judgedUpTo[name] = await this.#headOf(name);
    }
    if (problems.length > 0) {
      const told = problems.map(({ taskId, what }) =>
        taskId === undefined ? what : `task ${taskId} ${what}`,
      );
      const concerned = [...new Set(problems.flatMap(({ taskId }) => taskId ?? []))];
      throw new Error(`${told.join('\n')}\n${this.#excerpts(concerned)}`);
    }
    for (const { betrayed } of this.#world.executors) betrayed.clear();
    node.log.length = 0;
  }

  #circumstancesOf(chain: ChainName, { payload, taskId }: ChainTask): Circumstances {
    const { isFresh, reorgs } = this.#created.get(payload) ?? { isFresh: false, reorgs: 0 };
    return {
      isFresh,
      reorgs: this.#reorgs[chain] - reorgs,
      isBetrayed: this.#world.executors.some(({ betrayed }) => betrayed.has(taskId)),
    };
  }

  /** A node that lives on after a mistake of its own is no better than one that has died of it. */
  #lookAtNode(): void {
    const { node } = this.#world;
    if (node.crash !== undefined) throw new Error('the node has given up', { cause: node.crash });
    const bad = node.log.filter(({ level, message }) => level === 'error' && !/is dry/.test(message));
    if (bad.length > 0) throw new Error(`the node has logged errors:\n${bad.map(lineOf).join('\n')}`);
  }

  /** What the node has logged of the first of these tasks. */
  #excerpts(taskIds: readonly string[]): string {
    return taskIds
      .slice(0, 2)
      .flatMap((taskId) => this.#world.node.log.filter(({ fields }) => fields.taskId === taskId).map(lineOf))
      .join('\n');
  }

  async #headOf(name: ChainName): Promise<number> {
    return Number((await this.#world.seats[name].chain.head()).number);
  }
}

function lineOf({ level, message, fields }: { level: string; message: string; fields: object }): string {
  const told = JSON.stringify(fields, (_key, value) => {
    if (value instanceof Error) return `${value.message} ${JSON.stringify({ ...value })}`;
    return typeof value === 'bigint' ? String(value) : value;
  });
  return `  ${level} ${message} ${told}`;
}
