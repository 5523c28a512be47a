/** argv → command. Nothing heavy is imported before the command is known. */
import { Command, CommanderError } from 'commander';
import { outputFailure } from './base/output-failure.js';
import { registerAggregator } from './commands/aggregator.js';
import { registerConfig } from './commands/config.js';
import { registerDemo } from './commands/demo.js';
import { registerDevnet } from './commands/devnet.js';
import { registerExecutor } from './commands/executor.js';
import { exitCodeOf, renderFailure } from './commands/failure.js';
import { registerHealth } from './commands/health.js';
import { registerKeygen } from './commands/keygen.js';
import { registerRelease } from './commands/release.js';
import { registerStorage } from './commands/storage.js';
import { registerTask } from './commands/task.js';
import { VERSION } from './operations/version.js';

function buildProgram(): Command {
  const program = new Command('ponos')
    .description('Aggregator and executor for EigenLayer Hourglass AVSs')
    .version(VERSION)
    .showHelpAfterError('(add --help for the allowed flags)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ponos: ')) });
  registerAggregator(program);
  registerExecutor(program);
  registerKeygen(program);
  registerConfig(program);
  registerTask(program);
  registerRelease(program);
  registerStorage(program);
  registerHealth(program);
  registerDevnet(program);
  registerDemo(program);
  for (const command of program.commands) inheritOutput(command, program);
  return program;
}

/** Commander copies settings to sub-commands only when they are made by the parent's own `command()`. */
function inheritOutput(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritOutput(child, command);
}

async function main(): Promise<void> {
  try {
    await buildProgram().parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its own message; help and --version end with 0, wrong usage with 2.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(renderFailure(error, { debug: process.env.PONOS_DEBUG === '1' }));
    process.exitCode = exitCodeOf(error);
  }
}

/**
 * A reader that went away (`ponos … | head`) stops a command as Ctrl-C does, so that what it has started
 * is cleaned up; at a full disk it ends by itself, and says so. Later writes fail the same way and change nothing.
 */
let outputFailed = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (outputFailed) return;
  outputFailed = true;
  if (error.code === 'EPIPE') process.kill(process.pid, 'SIGTERM');
  process.once('exit', (exitCode) => {
    if (exitCode !== 0) return;
    process.stderr.write(renderFailure(outputFailure(error), { debug: process.env.PONOS_DEBUG === '1' }));
    process.exitCode = 1;
  });
});

/** A node outlives its log: the disk it is on may be full, or the program that keeps it may have ended. */
process.stderr.on('error', () => undefined);

void main();
