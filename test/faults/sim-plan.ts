/** What happens in a simulation, step by step. The dice decide all of it; what a step finds when it comes does not. */
import type { Dice } from './dice.js';

export const CHAINS = ['L1', 'L2'] as const;
export type ChainName = (typeof CHAINS)[number];
export const AVSS = 2;
export const SETS = [1, 2] as const;
export const EXECUTORS = 4;
/** Each chain is read through so many endpoints. */
export const ENDPOINTS = 2;

export const MOODS = ['honest', 'silent', 'lying', 'forging', 'refusing', 'down'] as const;
/** How an executor answers: `lying` signs another output, `forging` sends signatures that are none. */
export type Mood = (typeof MOODS)[number];

export const FAULTS = [
  'drop',
  'delay',
  'too many requests',
  'null',
  'lag',
  'empty logs',
  'error 500',
  'limit exceeded',
  'unsent',
  'flip',
] as const;
export type FaultName = (typeof FAULTS)[number];

export type TableChange =
  | { readonly kind: 'weights'; readonly weights: readonly number[] }
  | { readonly kind: 'leave' | 'join' | 'move'; readonly executor: number };

export type Step =
  | { readonly kind: 'mine'; readonly chain: ChainName; readonly blocks: number }
  | {
      readonly kind: 'tasks';
      readonly chain: ChainName;
      /** One task for each: its AVS and its operator set. */
      readonly tasks: readonly { readonly avs: number; readonly set: number }[];
    }
  | {
      readonly kind: 'reorg';
      readonly chain: ChainName;
      /** From the newest block with a task or a result on, as far as the deepest reorg goes, or so many blocks. */
      readonly from: 'task' | 'result' | number;
      /** All blocks at once, or one by one after the chain has become shorter. */
      readonly how: 'at once' | 'block by block';
      /** Between the new blocks; other than usual, so that deadlines are others, too. */
      readonly blockSeconds: number;
      /** Percent of the tasks that vanish, and of those that come in a later block. */
      readonly vanishing: number;
      readonly later: number;
      /** Whether the aggregator's transactions are lost with the blocks. */
      readonly forgetsResults: boolean;
      readonly seed: number;
    }
  | {
      readonly kind: 'fault';
      readonly chain: ChainName;
      readonly endpoints: readonly number[];
      readonly fault: FaultName;
      /** Requests that meet with it; it ends after so many steps in any case. */
      readonly times: number;
      readonly steps: number;
    }
  | { readonly kind: 'tables'; readonly avs: number; readonly change: TableChange }
  | { readonly kind: 'executor'; readonly executor: number; readonly mood: Mood }
  | { readonly kind: 'restart'; readonly how: 'graceful' | 'killed' }
  | { readonly kind: 'account'; readonly chain: ChainName; readonly state: 'dry' | 'filled' }
  | { readonly kind: 'warp'; readonly chain: ChainName; readonly seconds: number }
  /** Everything is mended, the chains go on until all tasks have ended, and all is judged. */
  | { readonly kind: 'calm' };

const WEIGHTS: Readonly<Record<Step['kind'], number>> = {
  mine: 28,
  tasks: 22,
  reorg: 24,
  fault: 13,
  tables: 3,
  executor: 9,
  restart: 6,
  account: 3,
  warp: 2,
  // Comes after so many steps, not by chance.
  calm: 0,
};
const STEPS_TO_CALM = 40;

export const BLOCK_SECONDS = 12;
const MOST_BLOCKS = 3;
export const MOST_DEPTH = 8;
const MOST_TASKS = 20;
const MOST_REQUESTS = 60;
const MOST_FAULT_STEPS = 4;
const MOST_WARP_SECONDS = 200;
/** Nobody alone reaches the threshold with a lie: the heaviest of three has 25 of 55 at most. */
const LEAST_WEIGHT = 15;
const MOST_WEIGHT = 25;
const LEAST_MEMBERS = 3;

export function planSteps(dice: Dice, count: number): Step[] {
  const deck = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
    Array.from({ length: weight }, () => kind as Step['kind']),
  );
  const members = Array.from({ length: AVSS }, () => Array.from({ length: EXECUTORS }, () => true));
  return Array.from({ length: count }, (_, index): Step => {
    if (index % STEPS_TO_CALM === STEPS_TO_CALM - 1 || index === count - 1) return { kind: 'calm' };
    return planStep(dice, dice.pick(deck), members);
  });
}

function planStep(dice: Dice, kind: Step['kind'], members: boolean[][]): Step {
  const chain = dice.pick(CHAINS);
  switch (kind) {
    case 'calm':
      return { kind };
    case 'mine':
      return { kind, chain, blocks: 1 + dice.roll(MOST_BLOCKS) };
    case 'tasks': {
      const isBurst = dice.roll(8) === 0;
      const length = 1 + dice.roll(isBurst ? MOST_TASKS : 4);
      const tasks = Array.from({ length }, () => ({ avs: dice.roll(AVSS), set: dice.pick(SETS) }));
      return { kind, chain, tasks };
    }
    case 'reorg':
      return {
        ...{ kind, chain, from: dice.pick(['task', 'result', 1 + dice.roll(MOST_DEPTH)]) },
        how: dice.pick(['at once', 'block by block']),
        blockSeconds: BLOCK_SECONDS + dice.pick([-5, -1, 1, 6]),
        vanishing: dice.pick([0, 0, 30, 100]),
        later: dice.pick([0, 50, 100]),
        forgetsResults: dice.roll(3) > 0,
        seed: dice.roll(2 ** 31),
      };
    case 'fault':
      return {
        ...{ kind, chain, endpoints: dice.pick([[0], [0], [1], [0, 1]]), fault: dice.pick(FAULTS) },
        ...{ times: 1 + dice.roll(MOST_REQUESTS), steps: 1 + dice.roll(MOST_FAULT_STEPS) },
      };
    case 'tables': {
      const avs = dice.roll(AVSS);
      return { kind, avs, change: planTable(dice, members[avs] ?? []) };
    }
    case 'executor':
      return {
        kind,
        executor: dice.roll(EXECUTORS),
        mood: dice.pick([...MOODS, 'honest', 'honest', 'honest']),
      };
    case 'restart':
      return { kind, how: dice.pick(['graceful', 'killed', 'killed']) };
    case 'account':
      return { kind, chain, state: dice.pick(['dry', 'filled']) };
    case 'warp':
      return { kind, chain, seconds: BLOCK_SECONDS + 1 + dice.roll(MOST_WARP_SECONDS) };
  }
}

function planTable(dice: Dice, members: boolean[]): TableChange {
  const executor = dice.roll(EXECUTORS);
  const isMember = members[executor] ?? false;
  const kind = dice.pick(['weights', 'membership', 'move'] as const);
  if (kind === 'move') return { kind, executor };
  if (kind === 'membership' && !isMember) {
    members[executor] = true;
    return { kind: 'join', executor };
  }
  if (kind === 'membership' && members.filter(Boolean).length > LEAST_MEMBERS) {
    members[executor] = false;
    return { kind: 'leave', executor };
  }
  const weigh = () => LEAST_WEIGHT + dice.roll(MOST_WEIGHT - LEAST_WEIGHT + 1);
  return { kind: 'weights', weights: members.map(weigh) };
}

/** For reports: one line. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'mine':
      return `mine ${step.blocks} on ${step.chain}`;
    case 'tasks':
      return `tasks on ${step.chain}: ${step.tasks.map(({ avs, set }) => `${avs}/${set}`).join(' ')}`;
    case 'reorg': {
      const { chain, from, how, blockSeconds, vanishing, later, forgetsResults, seed } = step;
      const extent = typeof from === 'number' ? `${from} blocks` : `the newest ${from}`;
      const fates = `${vanishing}% of tasks vanish, ${later}% come later`;
      const results = forgetsResults ? 'results are forgotten' : 'results stay';
      return `reorg of ${extent} on ${chain} ${how}, ${blockSeconds} s a block: ${fates}, ${results} (${seed})`;
    }
    case 'fault': {
      const { chain, endpoints, fault, times, steps } = step;
      return `fault "${fault}" at ${chain} ${endpoints.join('+')} for ${times} requests, ${steps} steps`;
    }
    case 'tables':
      return `tables of AVS ${step.avs}: ${JSON.stringify(step.change)}`;
    case 'executor':
      return `executor ${step.executor} is ${step.mood}`;
    case 'restart':
      return `restart, ${step.how}`;
    case 'account':
      return `account ${step.state} on ${step.chain}`;
    case 'warp':
      return `${step.seconds} s pass on ${step.chain}`;
    case 'calm':
      return 'calm';
  }
}
