/** What an aggregator may pay for: one transaction for each task that is verified, and nothing else. */
import type { Payment } from './payments.js';

export interface SettledTask {
  readonly taskId: string;
  readonly verified: boolean;
}

/** A problem, and the task it is about, if it is about one. */
export interface Problem {
  readonly what: string;
  readonly taskId?: string;
}

/** @param sent which nonces the log names as sent for each task: also what never came into a block */
export function judgePayments(
  tasks: readonly SettledTask[],
  payments: readonly Payment[],
  sent: ReadonlyMap<string, ReadonlySet<number>>,
): Problem[] {
  const problems: Problem[] = [];
  for (const { taskId, verified } of tasks) {
    const paid = payments.filter((payment) => payment.taskId === taskId);
    const list = paid.map(
      ({ nonce, succeeded, block }) =>
        `nonce ${nonce} ${succeeded ? 'succeeded' : 'reverted'} in block ${block}`,
    );
    if (paid.length !== (verified ? 1 : 0)) {
      const what = `is ${verified ? '' : 'not '}verified and was paid for ${paid.length} times`;
      problems.push({ taskId, what: `${what}: ${list.join(', ')}` });
    }
    const nonces = new Set([...(sent.get(taskId) ?? []), ...paid.map(({ nonce }) => nonce)]);
    if (nonces.size > 1) {
      problems.push({ taskId, what: `was sent again while it could still be mined: nonces ${[...nonces]}` });
    }
  }
  const known = new Set(tasks.map(({ taskId }) => taskId));
  for (const { hash, nonce, taskId } of payments) {
    if (taskId === undefined || !known.has(taskId)) {
      problems.push({ what: `transaction ${hash} (nonce ${nonce}) was paid for no task of this test` });
    }
  }
  const [first] = payments;
  payments.forEach(({ nonce }, index) => {
    const expected = index + (first?.nonce ?? 0);
    if (nonce !== expected) problems.push({ what: `nonce ${nonce} was used where ${expected} was due` });
  });
  return problems;
}
