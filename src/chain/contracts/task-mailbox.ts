/** TaskMailbox: where tasks are created and their certified results submitted. One per chain. */
import type { Result } from 'ethers';
import {
  type Address,
  type Hash32,
  type OperatorSet,
  parseAddress,
  parseTaskId,
  type TaskId,
} from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { ChainLog } from '../block.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  operatorSetArgument,
  parseBigInt,
  parseBytes,
  parseSmall,
} from '../contract.js';

const CONSENSUS = '(uint8 consensusType, bytes value)';
const TASK_CONFIG = `(address taskHook, uint96 taskSLA, address feeToken, uint8 curveType, address feeCollector, ${CONSENSUS} consensus, bytes taskMetadata)`;
const TASK_PARAMS = '(address refundCollector, (address avs, uint32 id) executorOperatorSet, bytes payload)';
const TASK = `(address creator, uint96 creationTime, address avs, uint96 avsFee, address refundCollector, uint32 executorOperatorSetId, uint16 feeSplit, uint8 status, bool isFeeRefunded, uint32 operatorTableReferenceTimestamp, ${TASK_CONFIG} executorOperatorSetTaskConfig, bytes payload, bytes executorCert, bytes result)`;

export const TASK_MAILBOX_ABI = new ContractAbi('TaskMailbox', [
  `function createTask(${TASK_PARAMS} taskParams) returns (bytes32)`,
  'function submitResult(bytes32 taskHash, bytes executorCert, bytes result)',
  `function getTaskInfo(bytes32 taskHash) view returns (${TASK})`,
  'function getTaskStatus(bytes32 taskHash) view returns (uint8)',
  'function getTaskResult(bytes32 taskHash) view returns (bytes)',
  `function getExecutorOperatorSetTaskConfig((address avs, uint32 id) operatorSet) view returns (${TASK_CONFIG})`,
  `function setExecutorOperatorSetTaskConfig((address avs, uint32 id) operatorSet, ${TASK_CONFIG} config)`,
  'function registerExecutorOperatorSet((address avs, uint32 id) operatorSet, bool isRegistered)',
  'function isExecutorOperatorSetRegistered(bytes32 operatorSetKey) view returns (bool)',
  'function getMessageHash(bytes32 taskHash, bytes result) pure returns (bytes32)',
  'function refundFee(bytes32 taskHash)',
  'function MAX_TASK_SLA() view returns (uint96)',
  'event TaskCreated(address indexed creator, bytes32 indexed taskHash, address indexed avs, uint32 executorOperatorSetId, uint32 operatorTableReferenceTimestamp, address refundCollector, uint96 avsFee, uint256 taskDeadline, bytes payload)',
  'event TaskVerified(address indexed aggregator, bytes32 indexed taskHash, address indexed avs, uint32 executorOperatorSetId, bytes executorCert, bytes result)',
]);

export const TASK_CREATED_TOPIC: Hash32 = TASK_MAILBOX_ABI.topic('TaskCreated');
export const TASK_VERIFIED_TOPIC: Hash32 = TASK_MAILBOX_ABI.topic('TaskVerified');

/** An operator set's rules for its tasks; a task keeps those of its creation. */
export interface TaskConfig {
  readonly taskHook: Address;
  readonly taskSlaSeconds: number;
  readonly feeToken: Address;
  /** 0 none, 1 ECDSA, 2 BN254. */
  readonly curveType: number;
  readonly feeCollector: Address;
  /** 0 none (empty value), 1 stake proportion threshold (value: a `uint16` of bips, ABI-encoded). */
  readonly consensus: { readonly consensusType: number; readonly value: Uint8Array };
  readonly taskMetadata: Uint8Array;
}

export interface TaskInfo {
  readonly creator: Address;
  readonly creationTimeSeconds: number;
  readonly operatorSet: OperatorSet;
  /** 0 none, 1 created, 2 verified, 3 expired. */
  readonly status: number;
  /** Whose operator table judges the certificate. */
  readonly referenceTimestamp: number;
  readonly config: TaskConfig;
  readonly payload: Uint8Array;
  readonly result: Uint8Array;
}

/** The event by which a task comes to life. */
export interface TaskCreatedEvent {
  readonly taskId: TaskId;
  readonly creator: Address;
  readonly operatorSet: OperatorSet;
  readonly referenceTimestamp: number;
  /** Chain time until which a result is taken: creation time + SLA. */
  readonly deadlineSeconds: number;
  readonly payload: Uint8Array;
  readonly log: ChainLog;
}

export interface TaskVerifiedEvent {
  readonly taskId: TaskId;
  readonly aggregator: Address;
  readonly operatorSet: OperatorSet;
  readonly executorCert: Uint8Array;
  readonly result: Uint8Array;
  readonly log: ChainLog;
}

export type TaskMailbox = ReturnType<typeof createTaskMailbox>;

/** Reader of one mailbox, and the call data of what is sent to it. */
export function createTaskMailbox(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, TASK_MAILBOX_ABI, address);
  return {
    address,
    /** Status `none` (0) and zero fields for a task the mailbox does not know. */
    getTaskInfo: (taskId: TaskId, at: BlockTag): Promise<TaskInfo> =>
      contract.read('getTaskInfo', [taskId], at, ([task]) => parseTaskInfo(task)),
    /** 0 none, 1 created, 2 verified, 3 expired (by the time of the block `at`). */
    getTaskStatus: (taskId: TaskId, at: BlockTag): Promise<number> =>
      contract.read('getTaskStatus', [taskId], at, ([status]) => parseSmall(status)),
    /** Longest SLA a task may have. */
    maxTaskSlaSeconds: (at: BlockTag): Promise<number> =>
      contract.read('MAX_TASK_SLA', [], at, ([sla]) => parseSmall(sla)),
    getMessageHash: (taskId: TaskId, output: Uint8Array, at: BlockTag): Promise<Uint8Array> =>
      contract.read('getMessageHash', [taskId, output], at, ([hash]) => parseBytes(hash)),
  };
}

/** Call data of `createTask`. */
export function encodeCreateTask(task: {
  readonly refundCollector: Address;
  readonly operatorSet: OperatorSet;
  readonly payload: Uint8Array;
}): Uint8Array {
  const params = [task.refundCollector, operatorSetArgument(task.operatorSet), toHex(task.payload)];
  return TASK_MAILBOX_ABI.encode('createTask', [params]);
}

/** Call data of `submitResult`; `certificate` is the ABI encoding of a BN254 or ECDSA certificate. */
export function encodeSubmitResult(taskId: TaskId, certificate: Uint8Array, result: Uint8Array): Uint8Array {
  return TASK_MAILBOX_ABI.encode('submitResult', [taskId, toHex(certificate), toHex(result)]);
}

/** @throws PonosError VALUE_INVALID when the log is no such event; count it, log it, go on */
export function decodeTaskCreated(log: ChainLog): TaskCreatedEvent {
  return decodeEvent('TaskCreated', log, (args) => ({
    creator: parseAddress(args.creator),
    taskId: parseTaskId(args.taskHash),
    operatorSet: { avs: parseAddress(args.avs), id: parseSmall(args.executorOperatorSetId) },
    referenceTimestamp: parseSmall(args.operatorTableReferenceTimestamp),
    deadlineSeconds: parseSmall(args.taskDeadline),
    payload: parseBytes(args.payload),
    log,
  }));
}

/** @throws PonosError VALUE_INVALID when the log is no such event */
export function decodeTaskVerified(log: ChainLog): TaskVerifiedEvent {
  return decodeEvent('TaskVerified', log, (args) => ({
    aggregator: parseAddress(args.aggregator),
    taskId: parseTaskId(args.taskHash),
    operatorSet: { avs: parseAddress(args.avs), id: parseSmall(args.executorOperatorSetId) },
    executorCert: parseBytes(args.executorCert),
    result: parseBytes(args.result),
    log,
  }));
}

function decodeEvent<T>(name: string, log: ChainLog, parse: (args: Result) => T): T {
  const facts = { event: name, transaction: log.transactionHash, logIndex: log.logIndex };
  if (log.topics[0] !== TASK_MAILBOX_ABI.topic(name)) {
    throw new PonosError('VALUE_INVALID', { message: 'a log is of another event', facts });
  }
  try {
    return parse(TASK_MAILBOX_ABI.interface.decodeEventLog(name, toHex(log.data), log.topics));
  } catch (cause) {
    throw new PonosError('VALUE_INVALID', {
      message: 'a log does not fit the ABI of its event',
      facts,
      cause,
    });
  }
}

function parseTaskInfo(task: Result): TaskInfo {
  return {
    creator: parseAddress(task.creator),
    creationTimeSeconds: parseSmall(task.creationTime),
    operatorSet: { avs: parseAddress(task.avs), id: parseSmall(task.executorOperatorSetId) },
    status: parseSmall(task.status),
    referenceTimestamp: parseSmall(task.operatorTableReferenceTimestamp),
    config: parseTaskConfig(task.executorOperatorSetTaskConfig),
    payload: parseBytes(task.payload),
    // By index: `result` would be fine, but a tuple's names share a namespace with the array's methods.
    result: parseBytes(task[13]),
  };
}

function parseTaskConfig(config: Result): TaskConfig {
  return {
    taskHook: parseAddress(config.taskHook),
    taskSlaSeconds: parseSmall(parseBigInt(config.taskSLA)),
    feeToken: parseAddress(config.feeToken),
    curveType: parseSmall(config.curveType),
    feeCollector: parseAddress(config.feeCollector),
    consensus: {
      consensusType: parseSmall(config.consensus[0]),
      value: parseBytes(config.consensus[1]),
    },
    taskMetadata: parseBytes(config.taskMetadata),
  };
}
