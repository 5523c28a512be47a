/** Certificates that cost less, on the real contracts: late signers are waited for where that spares a witness. */
import { expect, test } from '@jest/globals';
import { ServerError, Status } from 'nice-grpc-common';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { transport } from '../support/administer.js';
import { BN254_SET, ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';

const stage = aggregatorStage();
/** Longer than any test may take: a window that is waited for to its end fails the test. */
const LONG_MS = 600_000;
const windowOf =
  (quorumWindowMs: number) =>
  (config: AggregatorConfig): AggregatorConfig => ({
    ...config,
    tasks: { ...config.tasks, quorumWindowMs },
  });

/** The executor says no, or answers when the two that suffice have been counted. */
function setLate(index: number): void {
  const late = stage.executor(index);
  late.answer = async (submission) => {
    for (const early of [0, 1]) {
      await stage.world.logged(
        ({ message, fields }) =>
          message === 'a response counts' &&
          fields.taskId === submission.taskId &&
          fields.operator === stage.executor(early).operator.address,
      );
    }
    return late.honest(submission);
  };
}
const refuse = async () => {
  throw new ServerError(Status.PERMISSION_DENIED, 'not today');
};
const hang = () => new Promise<never>(() => undefined);

/** What the result's transaction has cost, and what was estimated. */
async function gasOf(task: TaskCreatedEvent): Promise<{ used: number; estimated: number }> {
  const { fields } = await stage.logged(task, 'task verified');
  const receipt = await stage.world.client(L1).request('eth_getTransactionReceipt', [fields.transaction]);
  const met = await stage.logged(task, 'task threshold met');
  const used = Number((receipt as { readonly gasUsed: string }).gasUsed);
  return { used, estimated: Number(met.fields.estimatedGas) };
}

function expectFairEstimate({ used, estimated }: { used: number; estimated: number }): void {
  expect(Math.abs(used - estimated)).toBeLessThan(used / 5);
}

test('default: without a window the first quorum is certified; with one, late signers come into it and it costs less', async () => {
  const first = await stage.start();
  for (const index of [2, 3]) stage.executor(index).answer = refuse;
  await stage.createTask(L1, BN254_SET, 'warm');
  const paid = await stage.createTask(L1, BN254_SET, 'hurried');
  const hurried = await gasOf(paid);
  const line = await stage.logged(paid, 'task threshold met');
  expect(line.fields).toMatchObject({ signers: expect.anything(), estimatedGas: expect.any(Number) });
  expect(line.fields.nonSigners).toHaveLength(2);
  // Nobody was asked, so nothing is said.
  expect(line.fields).not.toHaveProperty('cachedNonSigners');
  await first.close(0);

  await stage.world.administer(transport); // a table nobody has been a non-signer of
  await stage.start({ change: windowOf(LONG_MS) });
  for (const index of [2, 3]) setLate(index);
  const spared = await stage.createTask(L1, BN254_SET, 'patient');
  const patient = await gasOf(spared);
  expect((await stage.logged(spared, 'task threshold met')).fields.nonSigners).toEqual([]);
  expect(patient.used).toBeLessThan(hurried.used - 500_000);
  expectFairEstimate(patient);
}, 60_000);

test('behavior: nobody is waited for whose witness the verifier has kept already, and the log says so', async () => {
  await stage.world.administer(transport); // a table nobody has been a non-signer of
  await stage.start({ change: windowOf(LONG_MS) });
  stage.executor(3).answer = refuse;
  const paying = await stage.createTask(L1, BN254_SET, 'paying');
  const paid = await gasOf(paying);
  expect((await stage.logged(paying, 'task threshold met')).fields).not.toHaveProperty('cachedNonSigners');
  expectFairEstimate(paid);

  // Now it never answers; a task that waited for it would wait for the window's ten minutes.
  stage.executor(3).answer = hang;
  const cached = await stage.createTask(L1, BN254_SET, 'paid for');
  const after = await gasOf(cached);
  const { fields } = await stage.logged(cached, 'task threshold met');
  expect(fields.nonSigners).toEqual([stage.executor(3).operator.address]);
  expect(fields.cachedNonSigners).toBe(1);
  expect(after.used).toBeLessThan(paid.used);
  expectFairEstimate(after);
}, 60_000);

test('behavior: an ECDSA certificate has no witnesses, so that nobody waits', async () => {
  await stage.start({ change: windowOf(LONG_MS) });
  stage.executor(0).answer = hang;
  const task = await stage.createTask(L1, ECDSA_SET, 'no witnesses');
  expectFairEstimate(await gasOf(task));
}, 60_000);
