/**
 * A random walk over reorgs, bad endpoints, changed tables, moody executors, restarts and bursts of tasks, on two chains
 * and for two AVSs: what the store says in the end is what the mailboxes say.
 *
 *   FAULT_STEPS  default 60
 *   FAULT_SEED   decides every step; default 1
 */
import { expect, test } from '@jest/globals';
import { runSimulation } from './simulation.js';

const steps = Number(process.env.FAULT_STEPS ?? 60);
const seed = Number(process.env.FAULT_SEED ?? 1);
const isLong = process.env.FAULT_STEPS !== undefined;
const LIMIT_MS = 120_000 + steps * 3_000;

test(
  `behavior: every task is verified, or failed for a true reason, whatever happens (seed ${seed}, ${steps} steps)`,
  async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const report = (line: string) => void (isLong && process.stderr.write(`${line}\n`));
    try {
      const result = await runSimulation({ seed, steps, report });
      report(JSON.stringify(result));
      // Else the walk has passed by what it is for.
      for (const count of [result.verified, result.moved, result.vanished, result.restarts]) {
        expect(count).toBeGreaterThan(0);
      }
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  },
  LIMIT_MS,
);
