/** What happens in a round: who is killed at which point, for how long. The dice decide all of it. */
import type { Dice } from './dice.js';

export const AGGREGATOR = 'aggregator';
/** Both are needed for any certificate, so that no kill of them goes unnoticed. */
export const HONEST = ['executor-1', 'executor-3'];
/** Its performer answers differently each time it runs: a second signed output would be another one. */
export const MOODY = 'executor-2';
export const EXECUTORS = [...HONEST, MOODY].sort();

/** When a node is to be killed. */
export type Moment =
  /** The node has logged this message so many times. It logs each after what it tells of is stored. */
  | { readonly kind: 'logged'; readonly message: string; readonly times: number }
  /** A block of L1 with tasks is there: the node is about to read it, and to store it with them. */
  | { readonly kind: 'mined' }
  /** After a while, wherever the node then is. */
  | { readonly kind: 'random'; readonly afterMs: number };

export interface Kill {
  readonly victim: string;
  readonly moment: Moment;
  /** From the moment to the kill, to reach into what comes next. */
  readonly fuseMs: number;
  /** How long the node stays down. */
  readonly downMs: number;
  /** Looked for from the victim's own restart on, not from the round's start. */
  readonly duringRestart: boolean;
}

export interface Round {
  readonly kills: readonly Kill[];
  /** How many tasks are created at once first, and how many when those are in a block. */
  readonly tasks: readonly [number, number];
}

/** A point of a task's way at which its node has just stored something, or is about to. */
export interface Point {
  readonly role: 'aggregator' | 'executor';
  readonly message: string;
}

/** Every one of them comes in a round that nothing else disturbs. */
export const POINTS: readonly Point[] = [
  ...[
    'task taken',
    'task sent',
    'a response counts',
    'task threshold met',
    'a transaction is kept, and is sent now',
    'task submitted',
    'task verified',
  ].map((message) => ({ role: 'aggregator', message }) as const),
  ...['task received', 'task answered'].map((message) => ({ role: 'executor', message }) as const),
];

const OTHER_MOMENTS = ['mined', 'mined', 'random', 'random', 'random', 'random'] as const;

const START_MESSAGES = {
  aggregator: [
    'aggregator starts',
    'unfinished tasks are taken up again',
    'aggregator is watching',
    'task sent',
  ],
  executor: ['executor starts', 'chain reached', 'executor is serving', 'task received'],
};

const MAX_TIMES = 3;
const MAX_FUSE_MS = 40;
/** A block is read within a poll interval or two after it was mined. */
const MAX_MINED_FUSE_MS = 300;
const MAX_DOWN_MS = 800;
const MAX_RANDOM_MS = 3_000;
const FIRST_TASKS = 4;
const MAX_LATER_TASKS = 3;

/** So many rounds: every point has its turn before one comes again, and some rounds begin with a random moment. */
export function planRounds(dice: Dice, count: number): Round[] {
  const deck: (Point | 'mined' | 'random')[] = [];
  return Array.from({ length: count }, () => {
    if (deck.length === 0) deck.push(...dice.shuffle([...POINTS, ...OTHER_MOMENTS]));
    const first = firstKill(dice, deck.pop() ?? 'random');
    const kills = dice.roll(2) === 0 ? [first] : [first, secondKill(dice, first)];
    return { kills, tasks: [FIRST_TASKS, dice.roll(MAX_LATER_TASKS + 1)] };
  });
}

function firstKill(dice: Dice, point: Point | 'mined' | 'random'): Kill {
  if (point === 'random') return killOf(dice, dice.pick([AGGREGATOR, ...EXECUTORS]), randomMoment(dice));
  if (point === 'mined')
    return { ...killOf(dice, AGGREGATOR, { kind: 'mined' }), fuseMs: dice.roll(MAX_MINED_FUSE_MS) };
  const victim = point.role === 'aggregator' ? AGGREGATOR : dice.pick(EXECUTORS);
  return killOf(dice, victim, logged(dice, point.message));
}

/** Somebody else, anywhere; or the same node again, while it comes back. */
function secondKill(dice: Dice, first: Kill): Kill {
  const isRandom = dice.roll(2) === 0;
  if (dice.roll(2) === 0) {
    const role = first.victim === AGGREGATOR ? 'aggregator' : 'executor';
    const again = { kind: 'logged', message: dice.pick(START_MESSAGES[role]), times: 1 } as const;
    return {
      ...killOf(dice, first.victim, isRandom ? randomMoment(dice) : again),
      duringRestart: true,
    };
  }
  const victim = dice.pick([AGGREGATOR, ...EXECUTORS].filter((name) => name !== first.victim));
  const points = POINTS.filter(({ role }) => (role === 'aggregator') === (victim === AGGREGATOR));
  return killOf(dice, victim, isRandom ? randomMoment(dice) : logged(dice, dice.pick(points).message));
}

function killOf(dice: Dice, victim: string, moment: Moment): Kill {
  const fuseMs = dice.roll(2) === 0 ? 0 : dice.roll(MAX_FUSE_MS);
  return { victim, moment, fuseMs, downMs: dice.roll(MAX_DOWN_MS), duringRestart: false };
}

const logged = (dice: Dice, message: string): Moment => ({
  kind: 'logged',
  message,
  times: 1 + dice.roll(MAX_TIMES),
});
const randomMoment = (dice: Dice): Moment => ({ kind: 'random', afterMs: dice.roll(MAX_RANDOM_MS) });

/** For reports. */
export function describeKill({ victim, moment, fuseMs, downMs, duringRestart }: Kill): string {
  const where = duringRestart ? ' of its restart' : '';
  return `${victim} ${describeMoment(moment)}${where} + ${fuseMs} ms, down for ${downMs} ms`;
}

function describeMoment(moment: Moment): string {
  switch (moment.kind) {
    case 'logged':
      return `at "${moment.message}" no. ${moment.times}`;
    case 'mined':
      return 'when the block with the tasks was mined';
    case 'random':
      return `after ${moment.afterMs} ms`;
  }
}
