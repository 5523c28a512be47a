/** What is in the stores under test/fixtures/stores, which `node test/support/make-stores.mjs` writes. */
import { blockNumber, chainId, parseAddress, parseHash32, parseTaskId } from '../../src/base/brands.js';
import type { AcceptedAnswer, NewTask } from '../../src/store/aggregator-records.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import type { DeploymentState } from '../../src/store/executor-performer-records.js';
import { createPerformerStore } from '../../src/store/executor-performers.js';
import type { Answer, AnswerKey } from '../../src/store/executor-records.js';
import { createExecutorStore } from '../../src/store/executor-store.js';
import type { KeyValueStore } from '../../src/store/key-value-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { claimStore, type StoreRole } from '../../src/store/store-schema.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}`;
const address = (n: number) => parseAddress(`0x${n.toString(16).padStart(40, '0')}`);

export const FIXTURE_CHAIN = chainId(17_000);
const AVS = address(0xa5);

export const fixtureBlock = (n: number) => ({ number: blockNumber(n), hash: parseHash32(hash(n)) });

/** Task n is created in block n. */
export function fixtureTask(n: number): NewTask {
  return {
    chainId: FIXTURE_CHAIN,
    taskId: parseTaskId(hash(0x7a5000 + n)),
    creator: address(0xc0),
    avs: AVS,
    operatorSetId: 1,
    referenceTimestamp: 1_700_000_000,
    payload: bytes(`payload of task ${n}`),
    blockNumber: blockNumber(n),
    blockHash: parseHash32(hash(n)),
    blockTimestampSeconds: 1_700_000_000 + n,
    deadlineSeconds: 1_700_000_600 + n,
    createdAtMs: 1_700_000_000_500 + n * 1_000,
  };
}

export function fixtureAcceptedAnswer(operator: number): AcceptedAnswer {
  return {
    operator: address(operator),
    referenceTimestamp: 1_700_000_000,
    output: bytes('output'),
    resultSignature: bytes(`result by ${operator}`),
    authSignature: bytes(`auth by ${operator}`),
    receivedAtMs: 1_700_000_030_000,
  };
}

export const fixtureAnswerKey = (n: number): AnswerKey => ({
  avs: AVS,
  operatorSetId: 1,
  taskId: fixtureTask(n).taskId,
});

export function fixtureAnswer(n: number): Answer {
  return {
    payloadHash: parseHash32(hash(0xaa00 + n)),
    output: bytes(`output of task ${n}`),
    referenceTimestamp: 1_700_000_000,
    resultSignature: bytes(`result of task ${n}`),
    authSignature: bytes(`auth of task ${n}`),
    createdAtMs: 1_700_000_000_000 + n,
    deadlineSeconds: 1_700_000_600 + n,
  };
}

const AT_MS = 1_700_000_000_000;
const IMAGE = { repository: 'registry.example/my-avs', tag: 'v1', digest: `sha256:${'d1'.repeat(32)}` };

/** The first one failed, the second one was stopped with the node, the third one is in service. */
export const FIXTURE_DEPLOYMENTS: readonly DeploymentState[] = [
  {
    deployment: {
      id: 'deployment-1',
      avs: AVS,
      number: 1,
      image: IMAGE,
      command: [],
      askedAtMs: AT_MS,
      outcome: 'failed',
      performerId: 'avs-performer-0a1b2c-1',
      reason: 'exited with code 4',
      lastLines: ['starting', 'cannot start: no licence'],
      endedAtMs: AT_MS + 500,
    },
    performer: undefined,
  },
  {
    deployment: {
      id: 'deployment-2',
      avs: AVS,
      number: 2,
      command: ['/opt/my-avs/performer', '--verbose'],
      askedAtMs: AT_MS + 2_000,
      outcome: 'removed',
      performerId: 'process-42',
      servingFromMs: AT_MS + 2_500,
      reason: 'the node stopped',
      lastLines: ['listening on 4711'],
      endedAtMs: AT_MS + 60_000,
    },
    performer: undefined,
  },
  {
    deployment: {
      id: 'deployment-3',
      avs: AVS,
      number: 3,
      image: IMAGE,
      command: [],
      askedAtMs: AT_MS + 90_000,
      outcome: 'in-service',
      performerId: 'avs-performer-0a1b2c-3',
      servingFromMs: AT_MS + 92_000,
    },
    performer: {
      id: 'avs-performer-0a1b2c-3',
      avs: AVS,
      deploymentId: 'deployment-3',
      status: 'InService',
      image: IMAGE,
      containerId: 'c3'.repeat(32),
      imageId: `sha256:${'a3'.repeat(32)}`,
      endpoint: '127.0.0.1:32768',
      isHealthy: true,
      startedAtMs: AT_MS + 91_000,
      checkedAtMs: AT_MS + 150_000,
    },
  },
];

export const FIXTURE_TASKS = 4;

/** Tasks 1 and 2 are completed and failed, 3 is worked on, 4 waits. */
async function fillAggregator(store: KeyValueStore, tasks: readonly number[]): Promise<void> {
  const aggregator = createAggregatorStore(store);
  for (const n of tasks) {
    const task = fixtureTask(n);
    await aggregator.saveBlock(FIXTURE_CHAIN, fixtureBlock(n), [task]);
    const updatedAtMs = task.createdAtMs + 100;
    if (n === 1) {
      const transactionHash = parseHash32(hash(0x71));
      const settledAtBlock = blockNumber(2);
      await aggregator.updateTask(task, {
        status: 'completed',
        transactionHash,
        settledAtBlock,
        attempts: 1,
        updatedAtMs,
      });
    }
    if (n === 2)
      await aggregator.updateTask(task, { status: 'failed', reason: 'too few answers', updatedAtMs });
    if (n === 3) await aggregator.updateTask(task, { status: 'processing', updatedAtMs });
    await aggregator.recordAnswer(task, fixtureAcceptedAnswer(0x0b));
    await aggregator.recordAnswer(task, fixtureAcceptedAnswer(0x0c));
  }
}

async function fillExecutor(store: KeyValueStore, tasks: readonly number[]): Promise<void> {
  const executor = createExecutorStore(store);
  for (const n of tasks) await executor.saveAnswer(fixtureAnswerKey(n), fixtureAnswer(n));
  const performers = createPerformerStore(store);
  for (const state of FIXTURE_DEPLOYMENTS.filter(({ deployment }) => tasks.includes(deployment.number)))
    await performers.save([state]);
}

/** Writes in two openings: the first half is then in a table, the other half in the log. */
export async function writeFixtureStore(dir: string, role: StoreRole): Promise<void> {
  const numbers = Array.from({ length: FIXTURE_TASKS }, (_, index) => index + 1);
  const half = FIXTURE_TASKS / 2;
  for (const tasks of [numbers.slice(0, half), numbers.slice(half)]) {
    const store = await openLevelStore({ dir, syncWrites: false });
    try {
      await claimStore(store, role);
      await (role === 'aggregator' ? fillAggregator : fillExecutor)(store, tasks);
    } finally {
      await store.close();
    }
  }
}
