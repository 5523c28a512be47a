/** Tasks on a test devnet, and the submissions that its aggregator would send for them. */
import { type Address, chainId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { createChainClient } from '../../src/chain/client.js';
import { createOperatorTableUpdater } from '../../src/chain/contracts/operator-table-updater.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { TABLE_UPDATER_ADDRESS } from '../../src/devnet/plan.js';
import { openTaskSender } from '../../src/operations/task/submit-task.js';
import { submissionMessage } from '../../src/protocol/submission.js';
import type { TaskSubmission } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { TestDevnet } from './devnet.js';

export const BN254_SET = 1;
export const ECDSA_SET = 2;

export type ChainLabel = 'L1' | 'L2';

export interface DevnetTasks {
  /** Puts a task into the mailbox of a chain. */
  create(chain: ChainLabel, operatorSetId: number, payload: string): Promise<TaskCreatedEvent>;
  /** As the aggregator of the devnet sends it to an operator. */
  submission(task: TaskCreatedEvent, chain: ChainLabel, operator: Address): Promise<TaskSubmission>;
  close(): Promise<void>;
}

export async function openDevnetTasks({
  state,
  cast,
}: Pick<TestDevnet, 'state' | 'cast'>): Promise<DevnetTasks> {
  const bn254 = await loadBn254();
  const parties = state.chains.map(({ chainId: id, name, url }) => {
    const client = createChainClient({
      chainId: chainId(id),
      name,
      rpcUrls: [url],
      clock: systemClock,
      logger: silentLogger,
    });
    const key = new Secret(cast.user.secret);
    const sender = openTaskSender({ client, mailbox: state.mailbox, key, clock: systemClock });
    return { client, sender };
  });
  const partyOf = (chain: ChainLabel) => {
    const party = parties[chain === 'L1' ? 0 : 1];
    if (party === undefined) throw new Error(`no ${chain}`);
    return party;
  };
  const blockOf = async ({ log, referenceTimestamp }: TaskCreatedEvent, chain: ChainLabel) => {
    if (chain === 'L1') return log.blockNumber;
    const updater = createOperatorTableUpdater(partyOf('L2').client, TABLE_UPDATER_ADDRESS);
    return updater.getReferenceBlockNumberByTimestamp(referenceTimestamp, 'latest');
  };
  return {
    create: (chain, id, payload) =>
      partyOf(chain).sender.create({ operatorSet: { avs: state.avs, id }, payload: Buffer.from(payload) }),
    async submission(task, chain, operator) {
      const fields = {
        taskId: task.taskId,
        avs: task.operatorSet.avs,
        executor: operator,
        operatorSetId: task.operatorSet.id,
        referenceTimestamp: task.referenceTimestamp,
        taskBlockNumber: BigInt(await blockOf(task, chain)),
        payload: task.payload,
      };
      const { bn254Secret, address } = cast.aggregator;
      const digest = keccak256(submissionMessage(fields));
      return {
        taskId: task.taskId,
        aggregatorAddress: address,
        avsAddress: fields.avs,
        payload: Buffer.from(task.payload),
        signature: Buffer.from(bn254.sign(bn254Secret, digest, 'plain')),
        operatorSetId: fields.operatorSetId,
        referenceTimestamp: fields.referenceTimestamp,
        executorAddress: operator,
        taskBlockNumber: fields.taskBlockNumber,
        version: 1,
      };
    },
    async close() {
      for (const { client, sender } of parties) {
        await sender.close();
        await client.close();
      }
    },
  };
}
