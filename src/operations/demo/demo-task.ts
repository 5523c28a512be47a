/** One task of the demo: published, followed to its end, and its certificate read. */
import fs from 'node:fs';
import { type BlockNumber, chainId, parseHash32, type TaskId } from '../../base/brands.js';
import type { Clock } from '../../base/clock.js';
import { silentLogger } from '../../base/logger.js';
import { Secret } from '../../base/secret.js';
import { type ChainClient, createChainClient } from '../../chain/client.js';
import {
  createTaskMailbox,
  decodeTaskVerified,
  TASK_VERIFIED_TOPIC,
} from '../../chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../config/known-chains.js';
import type { Bn254 } from '../../crypto/bn254/bn254.js';
import type { CurveName } from '../../crypto/curve.js';
import { parseEcdsaSecret } from '../../crypto/ecdsa.js';
import { createCast } from '../../devnet/cast.js';
import type { DevnetChain, DevnetState } from '../../devnet/state.js';
import { TaskStatus } from '../../protocol/enums.js';
import { submitTask } from '../task/submit-task.js';
import { waitForEnd } from '../task/wait.js';
import { signersOf } from './read-certificate.js';

export interface DemoContext {
  readonly devnet: DevnetState;
  readonly bn254: Bn254;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface DemoTask {
  readonly taskId: TaskId;
  readonly chain: DevnetChain;
  readonly curve: CurveName;
  readonly block: BlockNumber;
}

export interface TaskOutcome {
  readonly taskId: TaskId;
  readonly chain: string;
  readonly curve: CurveName;
  readonly verified: boolean;
  readonly block: number;
  readonly result: string;
  /** From the block of creation to the block of verification, by chain time. */
  readonly seconds: number;
  readonly signed: readonly string[];
  readonly missing: readonly string[];
}

/** Creates a task that asks for the square of a number, in the example performer's format. */
export async function publishTask(
  context: DemoContext,
  wanted: { chain: DevnetChain; operatorSet: { id: number; curve: CurveName }; number: number },
): Promise<DemoTask> {
  const { devnet, clock, signal } = context;
  const { chain, operatorSet } = wanted;
  return withClient(context, chain, async (client) => {
    const key = new Secret(parseEcdsaSecret(fs.readFileSync(devnet.userKeyFile, 'utf8').trim()));
    const created = await submitTask({
      client,
      mailbox: devnet.mailbox,
      key,
      operatorSet: { avs: devnet.avs, id: operatorSet.id },
      payload: new TextEncoder().encode(`0x${wanted.number.toString(16).padStart(2, '0')}`),
      clock,
      signal,
    });
    return { taskId: created.taskId, chain, curve: operatorSet.curve, block: created.log.blockNumber };
  });
}

/** Waits for the task's end and reads who signed. */
export async function followTask(context: DemoContext, task: DemoTask): Promise<TaskOutcome> {
  const { devnet, clock, signal } = context;
  return withClient(context, task.chain, async (client) => {
    const mailbox = createTaskMailbox(client, devnet.mailbox);
    const info = await waitForEnd(mailbox, task.taskId, clock, signal);
    const base = { taskId: task.taskId, chain: task.chain.name, curve: task.curve };
    const nobody = { verified: false, block: 0, result: '', seconds: 0, signed: [], missing: [] };
    if (info.status !== TaskStatus.verified) return { ...base, ...nobody };

    const head = await client.head();
    const [log] = await client.logs(
      { addresses: [devnet.mailbox], topics: [TASK_VERIFIED_TOPIC, null, parseHash32(task.taskId)] },
      { fromBlock: task.block, toBlock: head.number },
    );
    if (log === undefined) return { ...base, ...nobody };
    const block = await client.block(log.blockHash);
    const cast = createCast(devnet.executors.length);
    const signed = signersOf({
      curve: task.curve,
      certificate: decodeTaskVerified(log).executorCert,
      operators: cast.executors,
      ecdsaVerifier: coreAddresses(task.chain.chainId, {}).ecdsaCertificateVerifier,
      bn254: context.bn254,
    }).map((operator) => operator.name);
    return {
      ...base,
      verified: true,
      block: log.blockNumber,
      result: new TextDecoder().decode(info.result),
      seconds: (block?.timestampSeconds ?? 0) - info.creationTimeSeconds,
      signed,
      missing: cast.executors.map(({ name }) => name).filter((name) => !signed.includes(name)),
    };
  });
}

async function withClient<T>(
  { clock, signal }: DemoContext,
  chain: DevnetChain,
  work: (client: ChainClient) => Promise<T>,
): Promise<T> {
  const client = createChainClient({
    chainId: chainId(chain.chainId),
    name: chain.name,
    rpcUrls: [chain.url],
    clock,
    logger: silentLogger,
  });
  try {
    await client.start(signal);
    return await work(client);
  } finally {
    await client.close();
  }
}
