/**
 * A random walk over reorgs, bad endpoints, changed tables, moody executors, restarts and bursts of tasks, on two chains
 * and for two AVSs: what the store says in the end is what the mailboxes say.
 *
 *   FAULT_STEPS  default 80
 *   FAULT_SEED   decides every step; default 1
 */
import { expect, test } from '@jest/globals';
import { runSimulation } from './simulation.js';

const steps = Number(process.env.FAULT_STEPS ?? 80);
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
      expect(result.verified).toBeGreaterThan(0);
      expect(result.reorgs).toBeGreaterThan(0);
      expect(result.restarts).toBeGreaterThan(0);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  },
  LIMIT_MS,
);
