/** Where an aggregator's records are: one name space per kind, then chain, then task. */
import type { Address, ChainId, Hash32, OperatorSet } from '../base/brands.js';
import type { AcceptedAnswer, TaskKey } from './aggregator-records.js';
import { storeKey } from './store-key.js';

export const cursorKeyOf = (chainId: ChainId) => storeKey('cursor', chainId);
export const blockKeyOf = (chainId: ChainId, number: number) => storeKey('block', chainId, number);
export const taskKeyOf = ({ chainId, taskId }: TaskKey) => storeKey('task', chainId, taskId);
export const payloadKeyOf = ({ chainId, taskId }: TaskKey) => storeKey('payload', chainId, taskId);
export const openKeyOf = ({ chainId, taskId }: TaskKey) => storeKey('open', chainId, taskId);
export const blockTaskKeyOf = (task: TaskKey & { readonly blockNumber: number }) =>
  storeKey('block-task', task.chainId, task.blockNumber, task.taskId);
export const settledKeyOf = (task: TaskKey & { readonly settledAtBlock: number }) =>
  storeKey('settled', task.chainId, task.settledAtBlock, task.taskId);
export const outputKeyOf = ({ chainId, taskId }: TaskKey, outputHash: Hash32) =>
  storeKey('output', chainId, taskId, outputHash);
export const answerKeyOf = ({ chainId, taskId }: TaskKey, answer: AcceptedAnswer) =>
  storeKey('answer', chainId, taskId, answer.referenceTimestamp, answer.operator);
/** By the time of their end, so that a sweep reads only what is old enough. */
export const finishedKeyOf = (task: TaskKey & { readonly updatedAtMs: number }) =>
  storeKey('finished', task.updatedAtMs, task.chainId, task.taskId);
export const transactionKeyOf = (chainId: ChainId, account: Address, nonce: number) =>
  storeKey('transaction', chainId, account, nonce);
export const registrationKeyOf = (avs: Address) => storeKey('registration', avs);
export const backfillKeyOf = (chainId: ChainId, avs: Address) => storeKey('backfill', chainId, avs);
export const operatorSetKeyOf = ({ avs, id }: OperatorSet) => storeKey('operator-set', avs, id);

/** Whose chain a record is of, by the key of any of them but a finished task's place, which begins with a time. */
export function chainOfKey(key: string): ChainId {
  return chainOfPart(key.split('/')[1]);
}

/** The task of a key that has nothing but its chain and its id. */
export function taskOfKey(key: string): TaskKey {
  const [, chain, taskId] = key.split('/');
  return { chainId: chainOfPart(chain), taskId: taskId as TaskKey['taskId'] };
}

/** The task behind a place among the finished ones. */
export function taskOfFinishedKey(key: string): TaskKey {
  const [, , chain, taskId] = key.split('/');
  return { chainId: chainOfPart(chain), taskId: taskId as TaskKey['taskId'] };
}

/** Keys are written here alone, so that their parts are trusted. */
function chainOfPart(part: string | undefined): ChainId {
  return Number.parseInt(part ?? '', 16) as ChainId;
}
