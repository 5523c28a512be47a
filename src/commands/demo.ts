/** `ponos demo`: the whole pipeline on local chains, from nothing to verified certificates. */
import type { Command } from 'commander';

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('start local chains, an aggregator and four executors, run tasks, show what was certified')
    .option('--docker', 'run the performers as containers')
    .option('--keep <folder>', 'keep logs, configs and data in this folder')
    .action(async (flags: { docker?: boolean; keep?: string }) => {
      const { runDemo } = await import('../operations/demo/run-demo.js');
      const passed = await runDemo({ ...flags, write: (text) => process.stdout.write(text) });
      if (!passed) process.exitCode = 1;
    });
}
