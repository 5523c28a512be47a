/** What can be wrong with a store, and what that means for the node it belongs to: a decision table. Pure. */
import type { StoreRole } from './store-schema.js';

export type StoreProblemKind =
  /** LevelDB cannot open the files, or not read them to the end. */
  | 'unreadable'
  /** A record does not have its checksum, or its key is none of ours. */
  | 'bad-record'
  /** A record is in the files, but asking for it by its key does not find it. */
  | 'hidden-record'
  /** Fewer records than were written. */
  | 'lost-records'
  /** More records than were left: deleted ones are back. */
  | 'returned-records'
  /** As many records as were written, not all of them the last that were written. */
  | 'outdated-records'
  /** A record names another one that is not there. */
  | 'dangling-record'
  /** The last batches are gone, and with them any trace of what they held. */
  | 'lost-tail'
  /** The store does not say what it must hold. */
  | 'no-ledger'
  /** The file beside the database that has the number of the last batch. */
  | 'no-witness'
  /** The store does not say whose it is. */
  | 'no-schema';

export interface StoreProblem {
  readonly kind: StoreProblemKind;
  /** What happened, as a sentence without its period. */
  readonly what: string;
  readonly namespace?: string;
  readonly key?: string;
  /** How many records, where it is known. */
  readonly records?: number;
}

export interface Verdict {
  /** `stop`: the node does not start on it. `contain`: it starts without what is lost. */
  readonly effect: 'stop' | 'contain';
  /** What it means for the node, as a sentence without its period. */
  readonly consequence: string;
}

const stop = (consequence: string): Verdict => ({ effect: 'stop', consequence });
const contain = (consequence: string): Verdict => ({ effect: 'contain', consequence });

/** What a node loses with records of a namespace. Those that are not named here stop it. */
const LOSSES: Readonly<Record<StoreRole, Readonly<Record<string, Verdict>>>> = {
  aggregator: {
    cursor: contain('the chain is read again, from far enough back to see every living task'),
    task: stop('tasks may be forgotten, or paid for twice'),
    payload: stop('tasks cannot be handed out again'),
    open: stop('tasks may be forgotten'),
    transaction: stop(
      'transactions on their way are not found again, and their results may be paid for twice',
    ),
    registration: stop('AVSs that were registered or deregistered at run time are as configured again'),
    answer: contain('executors are asked again for the answers of unfinished tasks'),
    output: contain('the answers that gave these outputs do not count'),
    block: contain('a reorg is recognised by the blocks that are left'),
    'block-task': contain('a reorg does not undo the tasks of these blocks'),
    settled: contain('a reorg does not undo the results of these blocks'),
    finished: contain('these tasks do not leave when their time is over'),
    backfill: contain('earlier blocks are read again for the tasks of these AVSs'),
    'operator-set': contain('the operator sets are read from the chain again'),
  },
  executor: {
    answer: stop('the protection against signing two outputs for one task is incomplete'),
    output: contain('these tasks cannot be answered again'),
    'under-way': contain('tasks that were interrupted are not reported'),
    performer: contain('which performers ran last is not known; they are started as configured'),
    'performer-order': stop('performers that were deployed or removed at run time are as configured again'),
    deployment: contain('the history of the performers has gaps'),
  },
};

const UNKNOWN_LOSS: Readonly<Record<StoreRole, Verdict>> = {
  aggregator: stop('what is lost cannot be told: tasks may be forgotten, or paid for twice'),
  executor: stop('what is lost cannot be told: the protection against signing two outputs may be incomplete'),
};

export function judgeProblem(role: StoreRole, { kind, namespace }: StoreProblem): Verdict {
  if (kind === 'no-witness') {
    return contain('whether the last batches are all there cannot be told; the number is written anew');
  }
  if (namespace?.startsWith('~'))
    return contain('what the store keeps of its own is affected, none of the records of the node');
  return LOSSES[role][namespace ?? ''] ?? UNKNOWN_LOSS[role];
}

/** A problem in one line. */
export function describeProblem({ kind, what, namespace, key }: StoreProblem): string {
  const where = key ?? namespace;
  return where === undefined ? `${kind}: ${what}` : `${kind} in ${printable(where)}: ${what}`;
}

/** A damaged key may hold anything, also what a terminal obeys. */
function printable(key: string): string {
  return key.replace(/[^!-~]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/**
 * The records that name another one which is not there; without the other one they are no use.
 * @param keys all good records of the store
 */
export function danglingRecords(role: StoreRole | undefined, keys: ReadonlySet<string>): StoreProblem[] {
  if (role !== 'aggregator') return [];
  const problems: StoreProblem[] = [];
  for (const key of keys) {
    const missing = namedBy(key).find((named) => !keys.has(named));
    if (missing === undefined) continue;
    problems.push({
      kind: 'dangling-record',
      what: `it names ${missing}, which is missing`,
      namespace: key.slice(0, key.indexOf('/')),
      key,
    });
  }
  return problems;
}

/** An aggregator's keys have the chain second and the task last (`aggregator-keys.ts`). */
function namedBy(key: string): string[] {
  const [namespace, chain, ...rest] = key.split('/');
  const task = `${chain}/${rest.at(-2)}/`;
  switch (namespace) {
    case 'open':
      return [`task/${task}`, `payload/${task}`];
    case 'task':
      return [`payload/${task}`];
    case 'finished':
      return [`task/${rest[0]}/${rest.at(-2)}/`];
    case 'block-task':
    case 'settled':
      return [`task/${task}`];
    default:
      return [];
  }
}
