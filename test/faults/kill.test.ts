/**
 * Nodes die by kill -9, at named points and at any time, again and again: no task is lost, none is paid for twice,
 * nobody signs two outputs for one.
 *
 *   FAULT_ROUNDS  default 6
 *   FAULT_SEED    decides victims, points and pauses; default 1
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Bundle, bundle } from '../support/performer-bundle.js';
import { openWorkplace, type Workplace } from '../support/workplace.js';
import { runCampaign } from './campaign.js';

const rounds = Number(process.env.FAULT_ROUNDS ?? 6);
const seed = Number(process.env.FAULT_SEED ?? 1);
const isLong = process.env.FAULT_ROUNDS !== undefined;
const LIMIT_MS = 90_000 + rounds * 45_000;

let workplace: Workplace;
let moody: Bundle;
beforeAll(async () => {
  workplace = openWorkplace();
  moody = await bundle('test/faults/moody-performer.ts');
});
afterAll(async () => {
  moody?.remove();
  await workplace?.close();
});

test(
  `behavior: every task is verified once, or failed with a reason, whoever is killed when (seed ${seed}, ${rounds} rounds)`,
  async () => {
    const report = (line: string) => void (isLong && process.stderr.write(`${line}\n`));
    const result = await runCampaign({
      ...{ workplace, seed, rounds, report },
      moodyPerformer: moody.path,
    }).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}\nlogs are in ${keepLogs()}`, {
        cause: error,
      });
    });
    const { tasks, kills, missed, failedTasks, moodyAnswers, exitCodes } = result;
    report(
      `${tasks.length} tasks, ${kills} kills, ${failedTasks} tasks failed, ${moodyAnswers} moody answers compared`,
    );
    expect(missed).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(rounds);
    expect(moodyAnswers).toBeGreaterThan(0); // else nothing could have told a second output from the first
    expect(failedTasks).toBe(4); // those of the round that outlives its deadline
    expect(exitCodes).toEqual(exitCodes.map(() => 0));
  },
  LIMIT_MS,
);

function keepLogs(): string {
  const kept = fs.mkdtempSync(path.join(os.tmpdir(), `ponos-faults-${seed}-`));
  const net = path.join(workplace.folder, 'net');
  for (const name of fs.readdirSync(net).filter((file) => file.endsWith('.log'))) {
    fs.copyFileSync(path.join(net, name), path.join(kept, name));
  }
  return kept;
}
