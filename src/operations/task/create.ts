/** `ponos task create`. */
import fs from 'node:fs';
import { type Address, parseAddress, parseHex } from '../../base/brands.js';
import { fromHex } from '../../base/bytes.js';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import { createTaskMailbox } from '../../chain/contracts/task-mailbox.js';
import { parseEcdsaSecret } from '../../crypto/ecdsa.js';
import type { DevnetState } from '../../devnet/state.js';
import { flagValue, optionalFlagValue } from '../flag-value.js';
import { abortOnInterrupt } from '../interrupt.js';
import { renderReport, reportOf } from './report.js';
import { submitTask } from './submit-task.js';
import { openTarget, type TargetFlags } from './target.js';
import { waitForEnd } from './wait.js';

export interface CreateTaskFlags extends TargetFlags {
  readonly avs?: string;
  readonly operatorSet?: number;
  readonly payloadHex?: string;
  readonly payloadText?: string;
  readonly payloadFile?: string;
  readonly privateKeyFile?: string;
  readonly refundCollector?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (line: string) => void;
}

/** @throws PonosError USAGE for missing flags, CONTRACT_REVERTED with the mailbox' error, TASK_EXPIRED under --wait */
export async function createTask(flags: CreateTaskFlags): Promise<void> {
  const payload = readPayload(flags);
  const { client, mailbox, devnet } = await openTarget(flags);
  const interrupt = abortOnInterrupt();
  try {
    await client.start(interrupt.signal);
    const created = await submitTask({
      client,
      mailbox,
      key: readKey(flags, devnet),
      operatorSet: { avs: chooseAvs(flags, devnet), id: chooseOperatorSet(flags, devnet) },
      payload,
      refundCollector: optionalFlagValue('--refund-collector', flags.refundCollector, parseAddress),
      clock: systemClock,
      signal: interrupt.signal,
    });
    const { taskId } = created;
    const reader = createTaskMailbox(client, mailbox);
    if (!flags.wait) {
      const report = reportOf(taskId, client.name, await reader.getTaskInfo(taskId, 'latest'));
      flags.write(flags.json ? JSON.stringify(report) : taskId);
      return;
    }
    if (!flags.json) flags.write(`${taskId} created in block ${created.log.blockNumber}`);
    const report = reportOf(
      taskId,
      client.name,
      await waitForEnd(reader, taskId, systemClock, interrupt.signal),
    );
    flags.write(flags.json ? JSON.stringify(report) : renderReport(report));
    if (report.status === 'expired') {
      throw new PonosError('TASK_EXPIRED', {
        message: 'the task expired unverified',
        facts: { taskId },
        advice: "The aggregator's log names the reason at this task id.",
      });
    }
  } finally {
    interrupt.release();
    await client.close();
  }
}

/** Exactly one of the three payload flags. */
function readPayload({ payloadHex, payloadText, payloadFile }: CreateTaskFlags): Uint8Array {
  const given = [payloadHex, payloadText, payloadFile].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new PonosError('USAGE', {
      message: given.length === 0 ? 'the payload is missing' : 'there is more than one payload',
      advice: 'Give one of --payload-hex, --payload-text and --payload-file.',
    });
  }
  const payload = payloadBytes(payloadHex, payloadText, payloadFile ?? '');
  if (payload.length === 0) throw new PonosError('USAGE', { message: 'the payload is empty' });
  return payload;
}

function payloadBytes(hex: string | undefined, text: string | undefined, file: string): Uint8Array {
  if (hex !== undefined) return fromHex(flagValue('--payload-hex', hex, parseHex));
  if (text !== undefined) return new TextEncoder().encode(text);
  try {
    return new Uint8Array(fs.readFileSync(file === '-' ? 0 : file));
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', { message: `cannot read the payload from ${file}`, cause });
  }
}

function readKey(
  { privateKeyFile, env }: CreateTaskFlags,
  devnet: DevnetState | undefined,
): Secret<Uint8Array> {
  const file = privateKeyFile ?? (env.PONOS_TASK_PRIVATE_KEY === undefined ? devnet?.userKeyFile : undefined);
  if (file === undefined && env.PONOS_TASK_PRIVATE_KEY === undefined) {
    throw new PonosError('USAGE', {
      message: 'no account was named that pays for the task',
      advice: 'Give --private-key-file FILE, or set PONOS_TASK_PRIVATE_KEY.',
    });
  }
  try {
    const text = file === undefined ? (env.PONOS_TASK_PRIVATE_KEY ?? '') : fs.readFileSync(file, 'utf8');
    return new Secret(parseEcdsaSecret(text.trim()));
  } catch (cause) {
    if (cause instanceof PonosError) throw cause;
    throw new PonosError('FILE_UNREADABLE', { message: `cannot read the private key from ${file}`, cause });
  }
}

function chooseAvs({ avs }: CreateTaskFlags, devnet: DevnetState | undefined): Address {
  if (avs !== undefined) return flagValue('--avs', avs, parseAddress);
  if (devnet !== undefined) return devnet.avs;
  throw new PonosError('USAGE', { message: 'the AVS is missing', advice: 'Give --avs ADDRESS.' });
}

function chooseOperatorSet({ operatorSet }: CreateTaskFlags, devnet: DevnetState | undefined): number {
  if (operatorSet !== undefined) return operatorSet;
  const known = devnet?.operatorSets.map((set) => `${set.id} (${set.curve})`).join(' or ');
  throw new PonosError('USAGE', {
    message: 'the operator set is missing',
    advice: `Give --operator-set ID${known === undefined ? '' : `, here ${known}`}.`,
  });
}
