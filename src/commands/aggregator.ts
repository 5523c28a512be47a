/** `ponos aggregator`: hands tasks to executors and brings their results on chain; and its management while it runs. */
import type { Command } from 'commander';
import { addRoleOptions } from '../config/flags.js';
import { registerAggregatorManagement } from './aggregator-management.js';

export function registerAggregator(program: Command): void {
  const aggregator = program
    .command('aggregator')
    .description('run an aggregator: watch mailboxes, hand out tasks, submit certified results');
  const start = aggregator
    .command('start')
    .alias('run')
    .description('start the aggregator and run until SIGINT or SIGTERM');
  addRoleOptions(start, 'aggregator')
    .option('--accept-fresh-state', 'start where a Go node has left its state, which is not read')
    .action(async (flags) => {
      const { runAggregator } = await import('../operations/run-aggregator.js');
      await runAggregator({ flags, env: process.env });
    });
  registerAggregatorManagement(aggregator);
}
