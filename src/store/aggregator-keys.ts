/** Where an aggregator's records are: one name space per kind, then chain, then task. */
import type { ChainId, Hash32 } from '../base/brands.js';
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
