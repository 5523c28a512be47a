/** `ponos executor`: does the tasks of its AVSs and signs their results; and its management while it runs. */
import type { Command } from 'commander';
import { addRoleOptions } from '../config/flags.js';
import { registerExecutorManagement } from './executor-management.js';

export function registerExecutor(program: Command): void {
  const executor = program
    .command('executor')
    .description('run an executor: take tasks from aggregators, run them, sign the results');
  const start = executor
    .command('start')
    .alias('run')
    .description('start the executor and run until SIGINT or SIGTERM');
  addRoleOptions(start, 'executor')
    .option('--accept-fresh-state', 'start where a Go node has left its state, which is not read')
    .action(async (flags) => {
      const { runExecutor } = await import('../operations/run-executor.js');
      await runExecutor({ flags, env: process.env });
    });
  registerExecutorManagement(executor);
}
