/** `ponos aggregator register-avs|deregister-avs|tasks`: what a running aggregator serves, and does. */
import { type Command, Option } from 'commander';
import { withNodeOptions } from './node-options.js';
import { parseCount } from './numbers.js';
import { terminal } from './terminal.js';

const parseChainId = parseCount(1, 0xffff_ffff);

export function registerAggregatorManagement(aggregator: Command): void {
  withNodeOptions(
    aggregator
      .command('register-avs')
      .description('take the tasks of an AVS on some chains, in place of what was said of it before')
      .argument('<avs>', 'address of the AVS'),
    'aggregator',
  )
    .requiredOption(
      '--chain <id>',
      'a chain to watch for it; may be given several times',
      (text: string, earlier: readonly number[] | undefined) => [...(earlier ?? []), parseChainId(text)],
    )
    .action(async (avs: string, flags) => {
      const { registerAvs } = await import('../operations/aggregator/registration.js');
      await registerAvs({ ...flags, avs }, await terminal());
    });

  withNodeOptions(
    aggregator
      .command('deregister-avs')
      .description('take no more tasks of an AVS')
      .argument('<avs>', 'address of the AVS'),
    'aggregator',
  ).action(async (avs: string, flags) => {
    const { deregisterAvs } = await import('../operations/aggregator/registration.js');
    await deregisterAvs({ ...flags, avs }, await terminal());
  });

  withNodeOptions(
    aggregator.command('tasks').description('the tasks of a running aggregator, the newest first'),
    'aggregator',
  )
    .addOption(
      new Option('--status <status>', 'only these').choices(['pending', 'processing', 'completed', 'failed']),
    )
    .option('--chain <id>', 'only those of this chain', parseChainId)
    .option('--avs <address>', 'only those of this AVS')
    .option('--limit <n>', 'at most so many (default: 100)', parseCount(1, 10_000))
    .action(async (flags) => {
      const { showTasks } = await import('../operations/aggregator/tasks.js');
      await showTasks(flags, await terminal());
    });
}
