/** Rounds of kills on one network, and what must hold after each of them and at the end. */
import fs from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { systemClock } from '../../src/base/clock.js';
import { TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import {
  BN254_SET,
  type E2eNetwork,
  ECDSA_SET,
  openNetwork,
  type PublishedTask,
  type WantedTask,
} from '../support/e2e-network.js';
import type { Workplace } from '../support/workplace.js';
import { createDice, type Dice } from './dice.js';
import { Executioner } from './executioner.js';
import { judgePayments, type Problem } from './judge-payments.js';
import { type JudgedTask, judgeStores, squareOf } from './judge-stores.js';
import { Payments } from './payments.js';
import { AGGREGATOR, describeKill, EXECUTORS, HONEST, MOODY, planRounds, type Round } from './plan-round.js';

export interface CampaignOptions {
  readonly workplace: Workplace;
  readonly seed: number;
  readonly rounds: number;
  /** The bundle of the performer that answers differently each time. */
  readonly moodyPerformer: string;
  readonly report: (line: string) => void;
}

export interface CampaignResult {
  readonly tasks: readonly JudgedTask[];
  readonly kills: number;
  /** Kills that began a round and did not come about; each of the named points does come. */
  readonly missed: readonly string[];
  readonly failedTasks: number;
  readonly moodyAnswers: number;
  readonly exitCodes: readonly number[];
}

const CHAINS = ['L1', 'L2'] as const;
/** After the end of a round's tasks: until the nodes have told of it, and a kill at that point has come. */
const ROUND_END_MS = 1_500;
const EXCERPT_LINES = 14;

/** @throws Error with the seed, the round, the kills and the log of the tasks concerned when a promise is broken */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { workplace } = options;
  const folder = path.join(workplace.folder, 'net');
  const ports = ['l1', 'l2', 'executor', 'management'].flatMap((name) => [`--${name}-port`, '0']);
  const people = EXECUTORS.length;
  await workplace.succeed('devnet', 'up', '--dir', folder, '--executors', String(people), ...ports);
  try {
    useMoodyPerformer(folder, options.moodyPerformer);
    const network = await openNetwork(workplace, folder, people);
    const executioner = new Executioner(network, [AGGREGATOR, ...EXECUTORS]);
    try {
      await Promise.all([AGGREGATOR, ...EXECUTORS].map((name) => executioner.start(name)));
      return await new Campaign(network, executioner, options).run(options.rounds);
    } finally {
      executioner.close();
      await network.close();
    }
  } finally {
    await workplace.succeed('devnet', 'down', '--dir', folder);
  }
}

class Campaign {
  readonly #network: E2eNetwork;
  readonly #executioner: Executioner;
  readonly #workplace: Workplace;
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #report: (line: string) => void;
  readonly #payments = new Map<(typeof CHAINS)[number], Payments>();
  readonly #tasks: JudgedTask[] = [];
  readonly #history: string[] = [];
  readonly #missed: string[] = [];
  #kills = 0;
  /** Each task has a payload of its own. */
  #nextPayload = 0x100;

  constructor(network: E2eNetwork, executioner: Executioner, options: CampaignOptions) {
    this.#network = network;
    this.#executioner = executioner;
    this.#workplace = options.workplace;
    this.#seed = options.seed;
    this.#dice = createDice(options.seed);
    this.#report = options.report;
  }

  async run(rounds: number): Promise<CampaignResult> {
    const { rpc, cast } = this.#network;
    for (const chain of CHAINS) {
      const account = cast.aggregator.address;
      this.#payments.set(chain, await Payments.from((method, params) => rpc(chain, method, params), account));
    }
    for (const [index, round] of planRounds(this.#dice, rounds).entries()) {
      const name = `round ${index + 1} of ${rounds}`;
      await this.#attempt(name, () => this.#round(name, round));
    }
    await this.#attempt('the round that outlives its deadline', () => this.#expiringRound());
    return await this.#attempt('the end', () => this.#conclude());
  }

  async #round(name: string, round: Round): Promise<void> {
    const startedMs = Date.now();
    const over = new AbortController();
    const kills = this.#executioner.carryOut(round.kills, over.signal);
    kills.catch(() => undefined);
    try {
      const first = await this.#network.create(this.#wanted(round.tasks[0]));
      const tasks = [...first, ...(await this.#network.create(this.#wanted(round.tasks[1])))];
      await Promise.race([this.#end(tasks), failureOf(kills)]);
      await Promise.race([kills, systemClock.sleep(ROUND_END_MS)]);
    } finally {
      over.abort();
      await kills.catch(() => undefined);
    }
    const done = await kills;
    const [first] = round.kills;
    if (first !== undefined && !done.includes(first)) this.#missed.push(`${name}: ${describeKill(first)}`);
    this.#kills += done.length;
    const told = done.length === 0 ? 'nobody was killed' : done.map(describeKill).join('; ');
    this.#history.push(`${name}: ${told}`);
    this.#report(`${name} (${((Date.now() - startedMs) / 1_000).toFixed(1)} s): ${told}`);
    await this.#judgeChains();
  }

  /** Tasks that nobody can finish in time: the aggregator, back after their deadline, must say so. */
  async #expiringRound(): Promise<void> {
    const [missing = ''] = HONEST;
    await this.#executioner.kill(missing);
    const tasks = await this.#network.create(this.#wanted(4));
    await Promise.all(
      tasks.map(({ created }) => this.#network.logged(AGGREGATOR, 'task sent', created.taskId)),
    );
    await this.#executioner.kill(AGGREGATOR);
    for (const chain of CHAINS) {
      await this.#network.rpc(chain, 'evm_increaseTime', [TASK_SLA_SECONDS + 5]);
      await this.#network.rpc(chain, 'evm_mine', []);
    }
    await Promise.all([AGGREGATOR, missing].map((name) => this.#executioner.start(name)));
    await this.#end(tasks);
    for (const { created } of tasks) await this.#network.logged(AGGREGATOR, 'task failed', created.taskId);
    await this.#judgeChains();
  }

  async #conclude(): Promise<CampaignResult> {
    for (const [chain, payments] of this.#payments) {
      const waiting = await payments.waiting();
      if (waiting !== 0) this.#fail([{ what: `${waiting} transactions still wait on ${chain}` }]);
    }
    const exitCodes = await this.#network.stop([AGGREGATOR, ...EXECUTORS]);
    await this.#judgeChains();
    for (const name of [AGGREGATOR, ...EXECUTORS]) {
      const config = path.join(this.#network.folder, `${name}.yaml`);
      await this.#workplace.succeed('storage', 'verify', '--config', config);
    }
    const { problems, moodyAnswers, failedTasks } = await judgeStores(this.#network, this.#tasks);
    this.#fail(problems);
    return {
      ...{ tasks: this.#tasks, kills: this.#kills, missed: this.#missed },
      ...{ failedTasks, moodyAnswers, exitCodes },
    };
  }

  #wanted(count: number): WantedTask[] {
    return Array.from({ length: count }, (_, index) => {
      const payload = `0x${(this.#nextPayload++).toString(16)}`;
      const operatorSetId = Math.floor(index / 2) % 2 === 0 ? BN254_SET : ECDSA_SET;
      return { chain: index % 2 === 0 ? 'L1' : 'L2', operatorSetId, payload };
    });
  }

  async #end(tasks: readonly PublishedTask[]): Promise<void> {
    const judged = await Promise.all(
      tasks.map(async (task) => ({ ...task, ended: await this.#network.end(task) })),
    );
    this.#tasks.push(...judged);
  }

  async #judgeChains(): Promise<void> {
    const problems: Problem[] = this.#tasks.flatMap(({ created, payload, ended }) => {
      const { taskId } = created;
      const told = this.#network.lines(AGGREGATOR, 'task failed', taskId);
      if (ended.status === 'expired') return told.length > 0 ? [] : [{ taskId, what: 'expired in silence' }];
      if (ended.verifications !== 1) return [{ taskId, what: `was verified ${ended.verifications} times` }];
      const result = squareOf(payload);
      return ended.result === result ? [] : [{ taskId, what: `has result ${ended.result}, not ${result}` }];
    });
    for (const [chain, payments] of this.#payments) {
      const tasks = this.#tasks
        .filter((task) => task.chain === chain)
        .map(({ created, ended }) => ({ taskId: created.taskId, verified: ended.status === 'verified' }));
      problems.push(...judgePayments(tasks, await payments.read(), this.#sentNonces()));
    }
    this.#fail(problems);
  }

  #sentNonces(): Map<string, Set<number>> {
    const sent = new Map<string, Set<number>>();
    for (const line of this.#network.lines(AGGREGATOR, ' a transaction is kept, and is sent now ')) {
      const [taskId, nonce] = [/ taskId=(\w+)/.exec(line)?.[1], / nonce=(\d+)/.exec(line)?.[1]];
      if (taskId === undefined || nonce === undefined) continue;
      sent.set(taskId, (sent.get(taskId) ?? new Set()).add(Number(nonce)));
    }
    return sent;
  }

  #fail(problems: readonly Problem[]): void {
    if (problems.length === 0) return;
    const told = problems.map(({ taskId, what }) => (taskId === undefined ? what : `task ${taskId} ${what}`));
    const concerned = new Set(problems.flatMap(({ taskId }) => taskId ?? []));
    throw new Error(
      [...told, ...[...concerned].slice(0, 3).map((taskId) => this.#excerpt(taskId))].join('\n'),
    );
  }

  /** What every node has logged of a task. */
  #excerpt(taskId: string): string {
    return [AGGREGATOR, ...EXECUTORS]
      .flatMap((name) =>
        this.#network
          .lines(name, taskId)
          .slice(-EXCERPT_LINES)
          .map((line) => `  ${name}: ${line}`),
      )
      .join('\n');
  }

  async #attempt<T>(name: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      const story = this.#history.slice(-3).join('\n  ');
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${this.#seed}, ${name}: ${message}\nthe last rounds:\n  ${story}`, {
        cause: error,
      });
    }
  }
}

/** Rejects as the promise does, and does not resolve. */
async function failureOf(promise: Promise<unknown>): Promise<never> {
  await promise;
  return new Promise<never>(() => undefined);
}

function useMoodyPerformer(folder: string, program: string): void {
  const file = path.join(folder, `${MOODY}.yaml`);
  const config = parse(fs.readFileSync(file, 'utf8'));
  for (const performer of config.avsPerformers) performer.command = [process.execPath, program];
  fs.writeFileSync(file, stringify(config), { mode: 0o600 });
}
