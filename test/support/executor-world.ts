/** An executor's task flow with its surroundings in memory: L1, mailboxes, a performer, a store. */
import { type Address, blockNumber, chainId, parseAddress, type TaskId } from '../../src/base/brands.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import type { CurveName } from '../../src/crypto/curve.js';
import { ecdsaAddress, signEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { Authority } from '../../src/executor/admit-authority.js';
import { type MailboxTask, TaskSight } from '../../src/executor/admit-task.js';
import { AvsSlots } from '../../src/executor/avs-slots.js';
import { Intake } from '../../src/executor/intake.js';
import { L1Head } from '../../src/executor/l1-head.js';
import { RefusalLog } from '../../src/executor/refusal-log.js';
import type { SignDependencies } from '../../src/executor/sign.js';
import { TaskFlow } from '../../src/executor/task-flow.js';
import type { RegisteredKey } from '../../src/protocol/registered-key.js';
import { submissionMessage } from '../../src/protocol/submission.js';
import type { TaskSubmission } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { createPeerLimiter } from '../../src/rpc/peer-limiter.js';
import { createExecutorStore, type ExecutorStore } from '../../src/store/executor-store.js';
import type { KeyValueStore } from '../../src/store/key-value-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { type ManualClock, manualClock } from './manual-clock.js';

export const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);
export const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
export const AGGREGATOR_OPERATOR = parseAddress(`0x${'0b'.repeat(20)}`);
export const L1_VERIFIER = parseAddress(`0x${'01'.repeat(20)}`);
export const L2_VERIFIER = parseAddress(`0x${'02'.repeat(20)}`);
export const TASK_ID = `0x${'7a'.repeat(32)}` as TaskId;
export const PEER = '10.0.0.7:4711';
export const AGGREGATOR_SECRET = new Uint8Array(32).fill(3);
const ECDSA_SECRET = new Uint8Array(32).fill(5);
const BN254_SECRET = 77_777n;

export interface ExecutorWorld {
  readonly flow: TaskFlow;
  readonly clock: ManualClock;
  readonly intake: Intake;
  readonly bn254: Bn254;
  /** What was asked of the chains, in order. */
  readonly reads: string[];
  /** Payloads that the performer got. */
  readonly runs: Uint8Array[];
  readonly serving: boolean[];
  readonly store: ExecutorStore;
  readonly signer: { readonly ecdsa: Address; readonly bn254: RegisteredKey };
  state: {
    head: number;
    /** Members of the aggregator operator set from this block on, to that block. */
    memberFrom: number;
    memberUntil: number;
    curve: CurveName;
    /** Until which block this operator has a key. */
    ownKeyUntil: number;
    /** What KeyRegistrar has for this operator, if not the key of the node. */
    registeredOwnKey: RegisteredKey | undefined;
    tableBlocks: number[];
    performer: 'in-service' | 'restarting' | 'missing';
    l1Task: Partial<MailboxTask> | undefined;
    l2Task: Partial<MailboxTask> | undefined;
    l2IsDown: boolean;
    l2Hangs: boolean;
    /** What L1 answers about the aggregators at a past block. */
    pastFailure: PonosError | undefined;
    supportedChains: number[];
    execute: (payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
    /** What the store's writes fail with. */
    storeFailure: PonosError | undefined;
    aggregatorSigns: CurveName;
    /** From this block on the aggregator has the key that it signs with; before, another one. */
    aggregatorKeyFrom: number;
  };
  /** A submission signed by the aggregator. */
  submission(changes?: Partial<TaskSubmission>): TaskSubmission;
}

export async function executorWorld(
  limits: {
    requestsPerSecond?: number;
    maxConcurrent?: number;
    maxWaiting?: number;
    requireTaskOnChain?: boolean;
    /** The curves this node has keys of. */
    curves?: readonly CurveName[];
    /** Where answers are kept; memory by default. */
    store?: KeyValueStore;
  } = {},
): Promise<ExecutorWorld> {
  const clock = manualClock();
  const bn254 = await loadBn254();
  const aggregatorBn254 = { curve: 'bn254', publicKey: bn254.derivePublicKey(4_242n) } as const;
  const ownKeys: Record<CurveName, RegisteredKey> = {
    ecdsa: { curve: 'ecdsa', address: ecdsaAddress(ECDSA_SECRET) },
    bn254: { curve: 'bn254', publicKey: bn254.derivePublicKey(BN254_SECRET) },
  };
  const reads: string[] = [];
  const runs: Uint8Array[] = [];
  const serving: boolean[] = [];
  const state: ExecutorWorld['state'] = {
    head: 1_000,
    memberFrom: 0,
    memberUntil: Number.MAX_SAFE_INTEGER,
    curve: 'ecdsa',
    ownKeyUntil: Number.MAX_SAFE_INTEGER,
    registeredOwnKey: undefined,
    tableBlocks: [],
    performer: 'in-service',
    l1Task: {},
    l2Task: undefined,
    l2IsDown: false,
    l2Hangs: false,
    pastFailure: undefined,
    supportedChains: [31_337, 31_338],
    execute: async (payload) => Uint8Array.of(...payload, 0xff),
    storeFailure: undefined,
    aggregatorSigns: 'ecdsa',
    aggregatorKeyFrom: 0,
  };
  const blockOf = (number: number) => ({
    number: blockNumber(number),
    timestampSeconds: 1_600_000_000 + number * 12,
  });
  const taskOf = (changes: Partial<MailboxTask> | undefined): MailboxTask | undefined =>
    changes && {
      avs: AVS,
      operatorSetId: 7,
      referenceTimestamp: 1_600_000_500,
      payload: Uint8Array.of(1, 2, 3),
      deadlineSeconds: 1_600_012_060,
      headSeconds: 1_600_012_000,
      ...changes,
    };
  const head = new L1Head({
    clock,
    maxAgeSeconds: 6_000,
    readHead: async () => {
      reads.push('head');
      return blockOf(state.head);
    },
    readBlock: async (number) => {
      reads.push('block');
      return blockOf(number);
    },
  });
  const authority = new Authority({
    operator: OPERATOR,
    ownKeys: Object.values(ownKeys).filter(({ curve }) => limits.curves?.includes(curve) ?? true),
    bn254,
    clock,
    reader: {
      async aggregators(avs, at) {
        reads.push(`aggregators@${at}`);
        if (state.pastFailure && at < state.head) throw state.pastFailure;
        const isMember = state.memberFrom <= at && at <= state.memberUntil;
        return { operatorSet: { avs, id: 0 }, members: new Set(isMember ? [AGGREGATOR_OPERATOR] : []) };
      },
      async registeredKey(operatorSet, operator, at) {
        reads.push(`key of set ${operatorSet.id}@${at}`);
        if (operator === OPERATOR) {
          return at <= state.ownKeyUntil ? (state.registeredOwnKey ?? ownKeys[state.curve]) : undefined;
        }
        if (at < state.aggregatorKeyFrom) return { curve: 'ecdsa', address: AVS };
        return state.aggregatorSigns === 'bn254'
          ? aggregatorBn254
          : { curve: 'ecdsa', address: ecdsaAddress(AGGREGATOR_SECRET) };
      },
      async curve() {
        return state.curve;
      },
      async tableBlocks() {
        reads.push('table blocks');
        return state.tableBlocks.map(blockNumber);
      },
    },
  });
  const sight = new TaskSight({
    taskChains: [
      {
        chainId: chainId(31_337),
        ecdsaVerifier: L1_VERIFIER,
        refusedCurves: new Map(),
        readTask: async () => {
          reads.push('task on L1');
          return taskOf(state.l1Task);
        },
      },
      {
        chainId: chainId(31_338),
        ecdsaVerifier: L2_VERIFIER,
        refusedCurves: new Map([['bn254', 'its digest differs']]),
        readTask: async () => {
          reads.push('task on L2');
          if (state.l2Hangs) await clock.sleep(10_000);
          if (state.l2IsDown) throw new PonosError('CHAIN_UNREACHABLE', { message: 'L2 is down' });
          return taskOf(state.l2Task);
        },
      },
    ],
    supportedChains: async () => state.supportedChains.map(chainId),
    requireTaskOnChain: limits.requireTaskOnChain ?? false,
    clock,
    logger: silentLogger,
  });
  const signers: SignDependencies['signers'] = {
    ecdsa: { sign: async (preimage) => signEcdsa(ECDSA_SECRET, keccak256(preimage)) },
    bn254: { sign: async (preimage, map) => bn254.sign(BN254_SECRET, keccak256(preimage), map) },
  };
  const intake = new Intake({
    onStoreFailure: () => undefined,
    logger: silentLogger,
  });
  intake.open();
  intake.watch((isServing) => serving.push(isServing));
  const store = createExecutorStore(
    failingStore(limits.store ?? createMemoryStore(), () => state.storeFailure),
  );
  const flow = new TaskFlow({
    intake,
    admit: {
      rules: { operator: OPERATOR, maxPayloadBytes: 1_000 },
      peers: createPeerLimiter({ clock, requestsPerSecond: limits.requestsPerSecond ?? 1_000 }),
      performers: {
        check(avs) {
          if (state.performer === 'in-service') return;
          const code = state.performer === 'missing' ? 'PERFORMER_MISSING' : 'PERFORMER_UNAVAILABLE';
          throw new PonosError(code, { message: `the performer is ${state.performer}`, facts: { avs } });
        },
      },
      head,
      authority,
      sight,
    },
    run: {
      performers: {
        execute: ({ payload }, signal) => {
          runs.push(payload);
          return state.execute(payload, signal);
        },
      },
      slots: new AvsSlots({ maxConcurrent: limits.maxConcurrent ?? 16, maxWaiting: limits.maxWaiting ?? 16 }),
      clock,
      maxTaskSeconds: 300,
      maxOutputBytes: 1_000,
    },
    sign: { operator: OPERATOR, signers },
    store,
    l1EcdsaVerifier: L1_VERIFIER,
    refusals: new RefusalLog(silentLogger, clock),
    clock,
    logger: silentLogger,
  });
  return {
    flow,
    clock,
    intake,
    bn254,
    reads,
    runs,
    serving,
    store,
    signer: { ecdsa: ecdsaAddress(ECDSA_SECRET), bn254: ownKeys.bn254 },
    state,
    submission(changes = {}) {
      const request: TaskSubmission = {
        taskId: TASK_ID,
        aggregatorAddress: AGGREGATOR_OPERATOR,
        avsAddress: AVS,
        payload: Buffer.of(1, 2, 3),
        signature: Buffer.alloc(0),
        operatorSetId: 7,
        referenceTimestamp: 1_600_000_500,
        executorAddress: OPERATOR,
        taskBlockNumber: 900n,
        version: 1,
        ...changes,
      };
      const digest = keccak256(messageOf(request));
      const signature =
        state.aggregatorSigns === 'ecdsa'
          ? signEcdsa(AGGREGATOR_SECRET, digest)
          : bn254.sign(4_242n, digest, 'plain');
      return { ...request, signature: changes.signature ?? Buffer.from(signature) };
    },
  };
}

function messageOf(request: TaskSubmission): Uint8Array {
  return submissionMessage({
    taskId: request.taskId.toLowerCase() as TaskId,
    avs: parseAddress(request.avsAddress),
    executor: OPERATOR,
    operatorSetId: request.operatorSetId,
    referenceTimestamp: request.referenceTimestamp,
    taskBlockNumber: request.taskBlockNumber,
    payload: request.payload,
  });
}

function failingStore(store: KeyValueStore, failure: () => PonosError | undefined): KeyValueStore {
  return {
    ...store,
    async batch(operations) {
      const error = failure();
      if (error) throw error;
      return store.batch(operations);
    },
  };
}
