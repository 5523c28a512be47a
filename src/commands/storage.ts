/** `ponos storage`: what a node has stored: looked at, saved, moved, mended. */
import { type Command, Option } from 'commander';
import { closeFilesToOthers } from '../base/umask.js';
import { withTlsOptions } from './node-options.js';
import { parseCount } from './numbers.js';
import { terminal } from './terminal.js';

const STATUSES = ['pending', 'processing', 'completed', 'failed'] as const;

export function registerStorage(program: Command): void {
  const storage = program
    .command('storage')
    .description("look at a node's store, back it up, move it, mend it")
    .hook('preAction', closeFilesToOthers);
  registerReading(storage);
  registerWriting(storage);
  registerTasks(storage);
  registerChains(storage);
  registerPerformers(storage);
}

function registerReading(storage: Command): void {
  withJson(
    withProgress(
      withSource(
        storage.command('stats').description('record counts, sizes, chains, tasks; of a running node, too'),
      ),
    ),
  ).action(async (flags) => {
    const { showStats } = await import('../operations/storage/show-stats.js');
    await showStats(flags, await terminal());
  });

  withJson(
    withProgress(
      withDirectory(
        storage
          .command('verify')
          .description('check every record, and that none is missing; exit code 1 when something is wrong'),
      ),
    ),
  ).action(async (flags) => {
    const { showProblems } = await import('../operations/storage/verify.js');
    await showProblems(flags, await terminal());
  });

  withJson(
    withProgress(
      withSource(
        storage.command('backup').description('everything in one checked file; of a running node, too'),
      ),
    ),
  )
    .requiredOption('--output <file>', 'the file to write')
    .option('--force', 'overwrite an existing file')
    .action(async (flags) => {
      const { backupStore } = await import('../operations/storage/backup.js');
      await backupStore(flags, await terminal());
    });

  withProgress(
    withSource(
      storage
        .command('export')
        .description('everything as lines of JSON, which other versions can import; of a running node, too'),
    ),
  )
    .option('--output <file>', 'the file to write, - for standard output', '-')
    .option('--slashing-protection', 'only what an executor has signed')
    .option('--force', 'overwrite an existing file')
    .action(async (flags) => {
      const { exportStore } = await import('../operations/storage/export.js');
      await exportStore(flags, await terminal());
    });
}

function registerWriting(storage: Command): void {
  withJson(
    withProgress(
      withDirectory(
        storage
          .command('restore')
          .description('make a store of a backup, in a directory that is missing or empty')
          .argument('<file>', 'a backup, - for standard input'),
      ),
    ),
  ).action(async (file: string, flags) => {
    const { restoreStore } = await import('../operations/storage/restore.js');
    await restoreStore({ ...flags, file }, await terminal());
  });

  withJson(
    withProgress(
      withDirectory(
        storage
          .command('import')
          .description('make a store of an export, in a directory that is missing or empty')
          .argument('<file>', 'an export, - for standard input'),
      ),
    ),
  )
    .option('--slashing-protection', "add what another executor has signed to this one's store")
    .action(async (file: string, flags) => {
      const { importStore } = await import('../operations/storage/import.js');
      await importStore({ ...flags, file }, await terminal());
    });

  withJson(
    withDirectory(storage.command('compact').description('give back the room of what was deleted')),
  ).action(async (flags) => {
    const { compactStore } = await import('../operations/storage/compact.js');
    await compactStore(flags, await terminal());
  });

  withJson(
    withDirectory(
      storage
        .command('repair')
        .description(
          'make a damaged store usable again, without what is lost; the files as they were are kept',
        ),
    ),
  ).action(async (flags) => {
    const { repairStore } = await import('../operations/storage/repair.js');
    await repairStore(flags, await terminal());
  });
}

function registerTasks(storage: Command): void {
  const tasks = storage.command('tasks').description('the tasks in the store of an aggregator');
  withJson(withDirectory(tasks.command('list').description('tasks, the newest first')))
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('--chain <id>', 'only those of this chain', parseCount(1, Number.MAX_SAFE_INTEGER))
    .option('--limit <n>', 'only so many', parseCount(1, Number.MAX_SAFE_INTEGER))
    .action(async (flags) => {
      const { listTasks } = await import('../operations/storage/tasks.js');
      await listTasks(flags, await terminal());
    });
  withJson(
    withDirectory(
      tasks.command('show').description('all that is kept of a task, with its answers').argument('<task-id>'),
    ),
  ).action(async (taskId: string, flags) => {
    const { showTask } = await import('../operations/storage/tasks.js');
    await showTask({ ...flags, taskId }, await terminal());
  });
}

function registerChains(storage: Command): void {
  const chains = storage.command('chain').description('how far an aggregator has read the chains');
  const chainId = parseCount(1, Number.MAX_SAFE_INTEGER);
  withJson(withDirectory(chains.command('show').description('the last block that was read of each chain')))
    .option('--chain <id>', 'only this one, with the blocks it is recognised by', chainId)
    .action(async (flags) => {
      const { showChains } = await import('../operations/storage/chains.js');
      await showChains(flags, await terminal());
    });
  withJson(
    withDirectory(
      chains
        .command('rewind')
        .description(
          'after a reorg that is deeper than maxReorgDepth: go back to a block that is still there',
        ),
    ),
  )
    .requiredOption('--chain <id>', 'the chain', chainId)
    .requiredOption(
      '--to <block>',
      'the newest block that is still on the chain',
      parseCount(0, Number.MAX_SAFE_INTEGER),
    )
    .action(async (flags) => {
      const { rewindChain } = await import('../operations/storage/rewind-chain.js');
      await rewindChain(flags, await terminal());
    });
  withJson(
    withDirectory(
      chains.command('forget').description('begin a chain anew, at startBlock or where living tasks can be'),
    ),
  )
    .requiredOption('--chain <id>', 'the chain', chainId)
    .action(async (flags) => {
      const { forgetChain } = await import('../operations/storage/rewind-chain.js');
      await forgetChain(flags, await terminal());
    });
}

function registerPerformers(storage: Command): void {
  withJson(
    withDirectory(
      storage
        .command('performers')
        .description('the performers of an executor, and what became of each deployment, the newest first'),
    ),
  ).action(async (flags) => {
    const { showPerformers } = await import('../operations/storage/performers.js');
    await showPerformers(flags, await terminal());
  });
}

/** The flags that name the store of a stopped node. */
function withDirectory(command: Command): Command {
  return command
    .option('--dir <folder>', 'the directory of the store')
    .option('--config <file>', 'the configuration that names it')
    .addOption(new Option('--role <role>', 'whose store it must be').choices(['aggregator', 'executor']));
}

/** The same, or a running node. */
function withSource(command: Command): Command {
  return withTlsOptions(
    withDirectory(command).option(
      '--node <host:port>',
      'the management port of a running node on this machine, instead of a directory; --config then tells how it speaks TLS',
    ),
  );
}

function withProgress(command: Command): Command {
  return command
    .option('--progress', 'show progress on standard error (default: on a terminal)')
    .option('--no-progress', 'show none');
}

function withJson(command: Command): Command {
  return command.option('--json', 'for machines');
}
