/**
 * The demo: a devnet, one aggregator and four executors as separate processes, tasks on both
 * chains and both curves, one executor stopped on the way. Leaves nothing running.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../base/clock.js';
import { loadBn254 } from '../../crypto/bn254/bn254.js';
import { executableFolder } from '../devnet/up.js';
import { abortOnInterrupt } from '../interrupt.js';
import { renderTable } from '../table.js';
import { buildDemoImage } from './demo-image.js';
import { type DemoContext, type DemoTask, followTask, publishTask, type TaskOutcome } from './demo-task.js';
import { type Network, STOP_LIMIT_MS, startNetwork } from './network.js';

export interface DemoFlags {
  readonly docker?: boolean;
  readonly keep?: string;
  readonly write: (text: string) => void;
}

const EXECUTORS = 4;
/** Stopped after the first round; its stake is small enough for the others to reach the threshold. */
const STOPPED_EXECUTOR = 'executor-3';

/** True when every task was verified and every process ended well. */
export async function runDemo(flags: DemoFlags): Promise<boolean> {
  const folder = path.resolve(flags.keep ?? fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-demo-')));
  const interrupt = abortOnInterrupt();
  const say = (line: string) => flags.write(`${line}\n`);
  let network: Network | undefined;
  let passed = false;
  try {
    const docker = flags.docker ? await buildDemoImage(say) : undefined;
    say(`Starting local chains, an aggregator and ${EXECUTORS} executors (logs in ${folder})`);
    network = await startNetwork({
      folder,
      executable: path.join(executableFolder(), 'ponos.cjs'),
      executors: EXECUTORS,
      blockTimeSeconds: 1,
      docker,
      clock: systemClock,
      signal: interrupt.signal,
      report: (line) => say(`  ${line}`),
    });
    say('  all nodes are ready');
    const { devnet } = network;
    const context = { devnet, bn254: await loadBn254(), clock: systemClock, signal: interrupt.signal };
    say('Round 1: everybody signs');
    const first = await Promise.race([runRound(context, 1, say), network.broken]);
    say(`Round 2: ${STOPPED_EXECUTOR} is stopped`);
    const stopped = network.executors.find((node) => node.name === STOPPED_EXECUTOR);
    await stopped?.stop(STOP_LIMIT_MS);
    const second = await Promise.race([runRound(context, 2, say), network.broken]);
    say(`\n${renderOutcomes([...first, ...second])}\n`);

    const problems = findProblems(first, second, await network.stop());
    for (const problem of problems) say(problem);
    const verified = [...first, ...second].filter((outcome) => outcome.verified).length;
    say(`${verified} of ${first.length + second.length} tasks were verified on chain.`);
    passed = problems.length === 0;
  } finally {
    await network?.stop();
    interrupt.release();
    // What went wrong is to be looked at; a folder that was asked for stays in any case.
    if (passed && flags.keep === undefined) fs.rmSync(folder, { recursive: true, force: true });
    else say(`Logs and configs are in ${folder}`);
  }
  return passed;
}

/** What would make the demo a failure, a sentence each. */
function findProblems(
  first: readonly TaskOutcome[],
  second: readonly TaskOutcome[],
  exitCodes: readonly number[],
): string[] {
  const unverified = [...first, ...second].filter((outcome) => !outcome.verified);
  const ghosts = second.filter((outcome) => outcome.signed.includes(STOPPED_EXECUTOR));
  return [
    ...unverified.map((outcome) => `Task ${outcome.taskId} expired unverified.`),
    ...ghosts.map((outcome) => `${STOPPED_EXECUTOR} signed task ${outcome.taskId} although it was stopped.`),
    ...(exitCodes.every((code) => code === 0) ? [] : [`Not every node ended well: exit codes ${exitCodes}.`]),
  ];
}

async function runRound(
  context: DemoContext,
  round: number,
  say: (line: string) => void,
): Promise<TaskOutcome[]> {
  const tasks: DemoTask[] = [];
  for (const chain of context.devnet.chains) {
    for (const [index, operatorSet] of context.devnet.operatorSets.entries()) {
      const number = round * 10 + tasks.length + index;
      tasks.push(await publishTask(context, { chain, operatorSet, number }));
      say(`  task ${short(tasks.at(-1)?.taskId)} on ${chain.name}: square ${number} (${operatorSet.curve})`);
    }
  }
  return Promise.all(
    tasks.map(async (task) => {
      const outcome = await followTask(context, task);
      const what = outcome.verified
        ? `verified in block ${outcome.block}, result ${outcome.result}`
        : 'EXPIRED';
      say(`  task ${short(task.taskId)} ${what}`);
      return outcome;
    }),
  );
}

function renderOutcomes(outcomes: readonly TaskOutcome[]): string {
  return renderTable([
    ['task', 'chain', 'curve', 'signed', 'did not sign', 'certificate verified', 'seconds'],
    ...outcomes.map((outcome) => [
      short(outcome.taskId),
      outcome.chain,
      outcome.curve,
      names(outcome.signed),
      names(outcome.missing),
      outcome.verified ? `${outcome.chain} block ${outcome.block}` : 'no',
      outcome.verified ? outcome.seconds.toFixed(0) : '-',
    ]),
  ]);
}

const short = (taskId: string | undefined) => `${(taskId ?? '').slice(0, 10)}…`;
const names = (list: readonly string[]) =>
  list.length === 0 ? '-' : list.map((name) => name.replace('executor-', '')).join(' ');
