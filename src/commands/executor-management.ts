/** `ponos executor deploy|list|remove|logs|history`: the performers of a running executor. */
import type { Command } from 'commander';
import { collected, withNodeOptions } from './node-options.js';
import { parseCount } from './numbers.js';
import { terminal } from './terminal.js';

export function registerExecutorManagement(executor: Command): void {
  registerDeploy(executor);
  withNodeOptions(
    executor.command('list').description('the performers of a running executor, and how they are'),
    'executor',
  )
    .option('--avs <address>', 'only that of this AVS')
    .action(async (flags) => {
      const { listPerformers } = await import('../operations/executor/list.js');
      await listPerformers(flags, await terminal());
    });

  withNodeOptions(
    executor
      .command('remove')
      .description('let a performer finish its tasks and remove it; its AVS gets no more')
      .argument('<performer-id>', 'as `list` shows it'),
    'executor',
  ).action(async (performerId: string, flags) => {
    const { removePerformer } = await import('../operations/executor/remove.js');
    await removePerformer({ ...flags, performerId }, await terminal());
  });

  withNodeOptions(
    executor
      .command('logs')
      .description('what performers print')
      .argument('[performer-id]', 'only this one, as `list` shows it'),
    'executor',
  )
    .option('--avs <address>', 'only that of this AVS')
    .option('--tail <n>', 'so many of the lines that were printed before', parseCount(0, 100_000), 100)
    .option('-f, --follow', 'go on until Ctrl-C')
    .action(async (performerId: string | undefined, flags) => {
      const { showLogs } = await import('../operations/executor/logs.js');
      await showLogs({ ...flags, performerId }, await terminal());
    });

  withNodeOptions(
    executor.command('history').description('what became of each deployment, the newest first'),
    'executor',
  )
    .option('--avs <address>', 'only those of this AVS')
    .action(async (flags) => {
      const { showHistory } = await import('../operations/executor/history.js');
      await showHistory(flags, await terminal());
    });
}

function registerDeploy(executor: Command): void {
  withNodeOptions(
    executor
      .command('deploy')
      .description('bring another version of a performer into service; the former one finishes its tasks')
      .argument('<avs>', 'address of the AVS'),
    'executor',
  )
    .option('--image <repository[:tag]>', 'the image (default: as configured)')
    .option('--digest <sha256:…>', 'its digest; wins over the tag')
    .option(
      '--env <name=value>',
      'a variable; NAME alone takes its value from here, unseen by others',
      collected,
    )
    .option('--env-from <name=source>', "a variable from the executor's own environment", collected)
    .option('--env-secret <name=object/key>', 'a variable from a Kubernetes Secret', collected)
    .option('--env-config-map <name=object/key>', 'a variable from a Kubernetes ConfigMap', collected)
    .option('--service-account <name>', 'with Kubernetes: its service account')
    .option('--progress', 'show how it goes on standard error (default: on a terminal)')
    .option('--no-progress', 'show nothing of it')
    .action(async (avs: string, flags) => {
      const { deployPerformer } = await import('../operations/executor/deploy.js');
      await deployPerformer({ ...flags, avs }, await terminal());
    });
}
