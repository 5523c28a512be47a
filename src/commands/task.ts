/** `ponos task create|status|watch`: a developer's way to use a mailbox. */
import type { Command } from 'commander';
import { parseCount } from './numbers.js';

export function registerTask(program: Command): void {
  const task = program.command('task').description("create tasks in a chain's mailbox and follow them");

  withChain(task.command('create').description('create a task; prints its id'))
    .option('--avs <address>', 'the AVS (default: that of the devnet)')
    .option('--operator-set <id>', 'the executor operator set that is to do it', parseCount(0, 0xffffffff))
    .option('--payload-hex <hex>', 'the payload as 0x hex')
    .option('--payload-text <text>', 'the payload as UTF-8 text')
    .option('--payload-file <file>', "the payload as a file's bytes, - for standard input")
    .option('--private-key-file <file>', 'key (0x hex) of the account that pays; or PONOS_TASK_PRIVATE_KEY')
    .option(
      '--refund-collector <address>',
      'who gets the fee back when the task expires (default: the payer)',
    )
    .option('--wait', 'wait until the task is verified or expired')
    .option('--json', 'for machines')
    .action(async (flags) => {
      const { createTask } = await import('../operations/task/create.js');
      await createTask({ ...flags, env: process.env, write });
    });

  withChain(task.command('status').description('what the mailbox knows of a task').argument('<task-id>'))
    .option('--json', 'for machines')
    .action(async (taskId: string, flags) => {
      const { showTask } = await import('../operations/task/status.js');
      await showTask({ ...flags, taskId, write });
    });

  withChain(
    task
      .command('watch')
      .description('print tasks as they are created and verified; with a task id, until that one is done')
      .argument('[task-id]'),
  )
    .option('--json', 'a JSON object a line')
    .action(async (taskId: string | undefined, flags) => {
      const { watchTasks } = await import('../operations/task/watch.js');
      await watchTasks({ ...flags, taskId, write, tell });
    });
}

/** The flags that say which mailbox is meant. */
function withChain(command: Command): Command {
  return command
    .option('--devnet <folder>', 'use the devnet of this folder (default: ./devnet when there is one)')
    .option('--chain <name>', 'with a devnet: L1 or L2', 'L1')
    .option('--rpc-url <url>', 'JSON-RPC endpoint of the chain, instead of a devnet')
    .option('--mailbox <address>', "the mailbox (default: the chain's known one)");
}

const write = (line: string) => {
  process.stdout.write(`${line}\n`);
};

const tell = (line: string) => {
  process.stderr.write(`${line}\n`);
};
