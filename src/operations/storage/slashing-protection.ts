/**
 * What an executor's operator has signed, as a document that another store can take up: with it, neither signs a second
 * output for a task that the other has answered.
 *
 *   {"format":"ponos-slashing-protection","version":1,"operator":"0x…","answered":[
 *     {"avs":"0x…","operatorSetId":1,"taskId":"0x…","payloadHash":"0x…","outputHash":"0x…",
 *      "createdAtMs":1764000000000,"deadlineSeconds":1764000060},…]}
 *
 * One answered task a line, by AVS, operator set and task id. The operator is left out when the store does not know it.
 */
import { type Address, parseAddress, parseHash32, parseTaskId } from '../../base/brands.js';
import { PonosError } from '../../base/error.js';
import type { AnswerKey, Commitment } from '../../store/executor-records.js';
import { ANSWERED, answeredTasks, type ExecutorStore } from '../../store/executor-store.js';
import { namedOperator } from './named-operator.js';
import type { StoreContent } from './store-content.js';

export type SignedTask = AnswerKey & Commitment;

/** What one operator has signed. */
interface Signed<Tasks> {
  readonly operator: Address | undefined;
  readonly answered: Tasks;
}

const FORMAT = 'ponos-slashing-protection';
const VERSION = 1;

/**
 * What the executor of this store has signed, by AVS, operator set and task id; at the end it is known that nothing of it
 * is missing.
 * @throws PonosError STORE_MISMATCH for an aggregator's store; STORE_CORRUPT
 */
export function answersOf({ role, operator, soundEntries }: StoreContent): Signed<AsyncIterable<SignedTask>> {
  if (role === 'executor') return { operator, answered: answeredTasks(soundEntries(ANSWERED)) };
  throw new PonosError('STORE_MISMATCH', {
    message: 'the store belongs to an aggregator, and only executors keep what protects them from slashing',
    advice: 'Name the storage directory, or the management port, of an executor.',
  });
}

export async function* encodeSlashingProtection({
  operator,
  answered,
}: Signed<AsyncIterable<SignedTask>>): AsyncGenerator<string> {
  const head = JSON.stringify({ format: FORMAT, version: VERSION, operator });
  yield `${head.slice(0, -1)},"answered":[`;
  let separator = '\n';
  for await (const task of answered) {
    const { avs, operatorSetId, taskId, payloadHash, outputHash, createdAtMs, deadlineSeconds } = task;
    const fields = { avs, operatorSetId, taskId, payloadHash, outputHash, createdAtMs, deadlineSeconds };
    yield `${separator}${JSON.stringify(fields)}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

/** @throws PonosError ARCHIVE_INVALID, naming the entry; STORE_MISMATCH for a newer format */
export function parseSlashingProtection(text: string): Signed<SignedTask[]> {
  let document: { format?: unknown; version?: unknown; operator?: unknown; answered?: unknown } | null;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw damaged('it is not JSON', undefined, cause);
  }
  if (document?.format !== FORMAT || !Array.isArray(document.answered)) {
    throw damaged('it does not have the format of one');
  }
  if (document.version !== VERSION) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the slashing protection has a format that this version of ponos does not know',
      facts: { format: String(document.version), supportedFormat: VERSION },
      advice: 'Import it with the version that wrote it.',
    });
  }
  const answered = document.answered.map((entry: unknown, index) => {
    try {
      return parseTask(entry);
    } catch (error) {
      throw damaged('an entry is malformed', index, error);
    }
  });
  const operator = namedOperator(document.operator, (what, cause) => damaged(what, undefined, cause));
  return { operator, answered };
}

function parseTask(entry: unknown): SignedTask {
  const fields: Record<string, unknown> = { ...(entry as object) };
  return {
    avs: parseAddress(String(fields.avs)),
    operatorSetId: wholeNumber('operatorSetId', fields.operatorSetId),
    taskId: parseTaskId(String(fields.taskId)),
    payloadHash: parseHash32(String(fields.payloadHash)),
    outputHash: parseHash32(String(fields.outputHash)),
    createdAtMs: wholeNumber('createdAtMs', fields.createdAtMs),
    deadlineSeconds: wholeNumber('deadlineSeconds', fields.deadlineSeconds),
  };
}

function wholeNumber(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new PonosError('VALUE_INVALID', {
    message: `${name} must be a whole number`,
    facts: { found: String(value) },
  });
}

/**
 * Takes up what another store has signed, all of it or nothing. One entry that contradicts the store, or another entry,
 * and nothing is written.
 * @returns how many tasks are new to the store
 * @throws PonosError REQUEST_CONFLICT naming the first contradiction; STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function mergeSlashingProtection(
  store: Pick<ExecutorStore, 'find' | 'mergeAnswered'>,
  tasks: readonly SignedTask[],
): Promise<number> {
  const byName = new Map<string, SignedTask>();
  for (const task of tasks) {
    const name = `${task.avs}/${task.operatorSetId}/${task.taskId}`;
    refuseContradiction(task, byName.get(name), 'the document contradicts itself');
    refuseContradiction(task, await store.find(task), 'the document contradicts what this store has signed');
    byName.set(name, task);
  }
  return store.mergeAnswered(tasks);
}

function refuseContradiction(task: SignedTask, known: Commitment | undefined, message: string): void {
  if (known === undefined) return;
  if (known.payloadHash === task.payloadHash && known.outputHash === task.outputHash) return;
  throw new PonosError('REQUEST_CONFLICT', {
    message: `${message}: one task with two payloads or outputs`,
    facts: { avs: task.avs, operatorSetId: task.operatorSetId, taskId: task.taskId },
    advice:
      'Nothing was imported. Two nodes have signed with this key; find out why before either runs again.',
  });
}

function damaged(what: string, entry?: number, cause?: unknown): PonosError {
  return new PonosError('ARCHIVE_INVALID', {
    message: `the slashing protection cannot be used: ${what}`,
    facts: { entry },
    advice: 'Take another export; nothing was changed.',
    cause,
  });
}
