/**
 * An aggregator and an executor in one process, with everything between a task's block and its transaction that costs
 * time and is not the chain: submissions over gRPC, admission, signatures, their verification, certificates, stores.
 */
import { certify } from '../../src/aggregator/certify.js';
import { Collector } from '../../src/aggregator/collect.js';
import { gather } from '../../src/aggregator/gather.js';
import type { TaskPlan } from '../../src/aggregator/task-plan.js';
import { createVerifier } from '../../src/aggregator/verify/verifier.js';
import { blockNumber, parseHash32, parseTaskId } from '../../src/base/brands.js';
import { toHex, word } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { createChannelPool } from '../../src/rpc/channel-pool.js';
import { ExecutorServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { startGrpcServer } from '../../src/rpc/server.js';
import { createLocalEcdsaSigner } from '../../src/signer/local-signers.js';
import type { NewTask } from '../../src/store/aggregator-records.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import type { KeyValueStore } from '../../src/store/key-value-store.js';
import {
  AGGREGATOR_OPERATOR,
  AGGREGATOR_SECRET,
  AVS,
  executorWorld,
  OPERATOR,
} from '../support/executor-world.js';
import { newTask, taskPlan } from '../unit/aggregator/world.js';

export interface PipelineOptions {
  readonly aggregatorStore: KeyValueStore;
  readonly executorStore: KeyValueStore;
  /** Tasks that are worked on at once; a block brings as many. */
  readonly atOnce: number;
}

export interface PipelineRun {
  /** From a block with tasks until the last task is completed in the store. */
  readonly tookMs: number;
  /** Of all threads, those of the store and of the verification included. */
  readonly cpuMs: number;
}

export interface Pipeline {
  /** Brings so many blocks with new tasks and waits until all of them are done. */
  run(blocks: number): Promise<PipelineRun>;
  /** Leaves the stores open. */
  close(): Promise<void>;
}

const NEVER_LIMITED = 1_000_000_000;
const REFERENCE_TIMESTAMP = 1_600_000_500;

/** With the verification thread as `node build.mjs` has bundled it. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { default: workerSource } = await import('#verify-worker');
  const { atOnce } = options;
  const executor = await executorWorld({
    store: options.executorStore,
    requestsPerSecond: NEVER_LIMITED,
    maxConcurrent: atOnce,
  });
  executor.state.curve = 'bn254';
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    services: [
      {
        definition: ExecutorServiceDefinition,
        implementation: {
          submitTask: (request, { peer, signal }) => executor.flow.submit(request, peer, signal),
        },
      },
    ],
  });
  const channels = createChannelPool();
  const verifier = createVerifier({ workerSource, logger: silentLogger });
  const store = createAggregatorStore(options.aggregatorStore);
  const client = channels.executor(`127.0.0.1:${server.port}`);
  const signer = createLocalEcdsaSigner(new Secret(AGGREGATOR_SECRET));
  const key = executor.signer.bn254;
  if (key.curve !== 'bn254') return refuse('the executor has no BN254 key');
  const planOf = (task: NewTask): TaskPlan => ({
    ...taskPlan(executor.bn254, 'bn254', [1n], { kind: 'threshold', bips: 10_000 }, task),
    operators: [{ operator: OPERATOR, index: 0, weights: [1n], key }],
    aggregatorCurve: 'ecdsa',
    taskBlockNumber: 900n,
  });

  /** What a task run does between intake and the chain, with the same writes at the same places. */
  const work = async (task: NewTask) => {
    const plan = planOf(task);
    await store.updateTask(task, { status: 'processing', updatedAtMs: Date.now() });
    const collector = new Collector({
      plan,
      nonePolicy: 'all',
      verify: (response) => verifier.verify(response),
      answers: {
        record: (operator, answer) =>
          store.recordAnswer(task, {
            ...answer,
            operator,
            referenceTimestamp: REFERENCE_TIMESTAMP,
            receivedAtMs: Date.now(),
          }),
        async output(outputHash) {
          const found = await store.output(task, outputHash);
          if (found === undefined) throw new Error('there is no such output');
          return found;
        },
      },
    });
    const group = await gather(
      {
        plan,
        collector,
        nonePolicy: 'all',
        quorumWindow: undefined,
        chainTime: { until: (_seconds, signal) => systemClock.sleep(600_000, signal) },
        distribution: {
          aggregator: AGGREGATOR_OPERATOR,
          sign: (message) => signer.sign(message, 'plain'),
          clock: systemClock,
          connect: async () => client,
          hasMoved: async () => false,
        },
        report: {
          counted: () => undefined,
          dropped: (_operator, { reason }) => refuse(reason),
          callFailed: (_operator, reason) => refuse(reason),
        },
      },
      new AbortController().signal,
    );
    const output = await collector.output(group.messageHash);
    const { certificate } = certify(plan, group, collector.counted, output, executor.bn254);
    const transactionHash = parseHash32(toHex(keccak256(certificate)));
    await store.updateTask(task, { attempts: 1, transactionHash, updatedAtMs: Date.now() });
    const settledAtBlock = blockNumber(task.blockNumber + 2);
    await store.updateTask(task, { status: 'completed', settledAtBlock, updatedAtMs: Date.now() });
  };

  let nextBlock = 0;
  /** As the follower does it: a block and its tasks in one write, before any of them is worked on. */
  const see = async (block: number) => {
    const tasks = Array.from({ length: atOnce }, (_, index) => pipelineTask(block * atOnce + index, block));
    const [first] = tasks;
    if (first === undefined) return refuse('a block without tasks');
    return store.saveBlock(first.chainId, { number: first.blockNumber, hash: first.blockHash }, tasks);
  };

  return {
    async run(blocks) {
      const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
      const waiting: NewTask[] = [];
      const end = nextBlock + blocks;
      // A slot that is free takes the next task; when none waits, it is time for the next block.
      let seeing: Promise<void> = Promise.resolve();
      const seeNext = async () => {
        if (waiting.length === 0 && nextBlock < end) waiting.push(...(await see(nextBlock++)));
      };
      const slot = async () => {
        for (;;) {
          seeing = seeing.then(seeNext);
          await seeing;
          const task = waiting.shift();
          if (task === undefined) return;
          await work(task);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, slot));
      const { user, system } = process.cpuUsage(startCpu);
      return { tookMs: performance.now() - startMs, cpuMs: (user + system) / 1_000 };
    },
    async close() {
      channels.close();
      await server.close(0);
      await executor.flow.close();
      await verifier.close();
    },
  };
}

/** A task as the executor's mailbox has it, with an id and a block of its own. */
export function pipelineTask(index: number, block: number): NewTask {
  return newTask({
    taskId: parseTaskId(toHex(keccak256(word(index)))),
    avs: AVS,
    operatorSetId: 7,
    referenceTimestamp: REFERENCE_TIMESTAMP,
    payload: Uint8Array.of(1, 2, 3),
    blockNumber: blockNumber(1_000 + block),
    blockHash: parseHash32(toHex(keccak256(word(1_000_000 + block)))),
  });
}

function refuse(reason: string): never {
  throw new Error(`the pipeline has failed: ${reason}`);
}
