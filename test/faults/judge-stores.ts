/** What the nodes' stores say after they were stopped: what became of each task, and who signed what. */
import fs from 'node:fs';
import { parse } from 'yaml';
import { chainId } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type { KeptAnswer, StoredTask, TaskKey } from '../../src/store/aggregator-records.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createExecutorStore, type ExecutorStore } from '../../src/store/executor-store.js';
import { openStore } from '../../src/store/open-store.js';
import type { StoreRole } from '../../src/store/store-schema.js';
import type { E2eNetwork, EndedTask, PublishedTask } from '../support/e2e-network.js';
import type { Problem } from './judge-payments.js';
import { AGGREGATOR, EXECUTORS, HONEST, MOODY } from './plan-round.js';

export interface JudgedTask extends PublishedTask {
  readonly ended: EndedTask;
}

export interface StoreVerdict {
  readonly problems: readonly Problem[];
  /** Answers of the executor that would sign something else each time which were compared. */
  readonly moodyAnswers: number;
  readonly failedTasks: number;
}

type StoredAnswer = NonNullable<Awaited<ReturnType<ExecutorStore['find']>>>;
/** By executor and task. */
type SignedAnswers = ReadonlyMap<string, ReadonlyMap<string, StoredAnswer>>;

/** The nodes must have ended. */
export async function judgeStores(network: E2eNetwork, tasks: readonly JudgedTask[]): Promise<StoreVerdict> {
  const problems: Problem[] = [];
  const signed = await readSigned(network, tasks);
  let moodyAnswers = 0;
  await withStore(network, AGGREGATOR, 'aggregator', async (opened) => {
    const store = createAggregatorStore(opened);
    for (const { taskId } of await store.unfinishedTasks()) {
      problems.push({ taskId, what: 'is unfinished in the store of the aggregator' });
    }
    for (const task of tasks) {
      const { taskId, referenceTimestamp } = task.created;
      const key = keyOf(network, task);
      const problem = judgeEnd(task, await store.task(key));
      if (problem !== undefined) problems.push({ taskId, what: problem });
      for (const answer of await store.answers(key, referenceTimestamp)) {
        const name = network.cast.executors.find(({ address }) => address === answer.operator)?.name ?? '';
        if (name === MOODY) moodyAnswers += 1;
        if (isSame(answer, signed.get(name)?.get(taskId))) continue;
        problems.push({ taskId, what: `${name} gave another answer than the one it has stored` });
      }
    }
  });
  for (const task of tasks) problems.push(...judgeSigners(network, task, signed));
  const failedTasks = tasks.filter(({ ended }) => ended.status !== 'verified').length;
  return { problems, moodyAnswers, failedTasks };
}

/** The chain's word and the store's must be the same. */
function judgeEnd({ ended }: JudgedTask, stored: StoredTask | undefined): string | undefined {
  const { status = 'unknown', reason } = stored ?? {};
  if (ended.status === 'verified' ? status === 'completed' : status === 'failed' && reason) return undefined;
  return `is ${ended.status} on chain and ${status} in the store${reason === undefined ? '' : ` (${reason})`}`;
}

/** Who is in the certificate has stored that it signed this; who is honest has signed nothing else. */
function judgeSigners(network: E2eNetwork, task: JudgedTask, signed: SignedAnswers): Problem[] {
  const { taskId } = task.created;
  const expected = toHex(keccak256(new TextEncoder().encode(squareOf(task.payload))));
  const certified = task.ended.status === 'verified' ? network.signers(task, task.ended, EXECUTORS) : [];
  return EXECUTORS.flatMap((name) => {
    const answer = signed.get(name)?.get(taskId);
    const mustHave = certified.includes(name) || (HONEST.includes(name) && answer !== undefined);
    if (!mustHave || answer?.outputHash === expected) return [];
    return { taskId, what: `${name} was to sign ${squareOf(task.payload)} and stored ${answer?.outputHash}` };
  });
}

/** What each executor has signed, by executor and task. */
async function readSigned(network: E2eNetwork, tasks: readonly JudgedTask[]): Promise<SignedAnswers> {
  const signed = new Map<string, Map<string, StoredAnswer>>();
  for (const name of EXECUTORS) {
    const answers = new Map<string, StoredAnswer>();
    await withStore(network, name, 'executor', async (opened) => {
      const store = createExecutorStore(opened);
      for (const { created, operatorSetId } of tasks) {
        const { taskId } = created;
        const answer = await store.find({ avs: network.devnet.avs, operatorSetId, taskId });
        if (answer !== undefined) answers.set(taskId, answer);
      }
    });
    signed.set(name, answers);
  }
  return signed;
}

/** With the checks that a node makes when it opens its own. */
async function withStore(
  { folder }: E2eNetwork,
  node: string,
  role: StoreRole,
  use: (store: Awaited<ReturnType<typeof openStore>>) => Promise<void>,
): Promise<void> {
  const { storage } = parse(fs.readFileSync(`${folder}/${node}.yaml`, 'utf8'));
  const store = await openStore(storage, role);
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

function keyOf({ devnet }: E2eNetwork, { chain, created }: PublishedTask): TaskKey {
  const id = devnet.chains.find(({ name }) => name === chain)?.chainId;
  return { chainId: chainId(id ?? 0), taskId: created.taskId };
}

/** Signatures are deterministic on both curves: the same answer is the same bytes. */
function isSame(given: KeptAnswer, stored: StoredAnswer | undefined): boolean {
  const signatures = stored?.signatures.get(given.referenceTimestamp);
  return (
    stored?.output !== undefined &&
    signatures !== undefined &&
    given.outputHash === stored.outputHash &&
    toHex(given.resultSignature) === toHex(signatures.resultSignature) &&
    toHex(given.authSignature) === toHex(signatures.authSignature)
  );
}

/** As the honest performers compute it. */
export function squareOf(payload: string): string {
  const square = (BigInt(payload) ** 2n).toString(16);
  return `0x${square.length % 2 === 0 ? '' : '0'}${square}`;
}
