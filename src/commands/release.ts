/** `ponos release list|check`: what AVSs publish for their operator sets, and whether it is what runs here. */
import type { Command } from 'commander';
import { parseCount } from './numbers.js';

export function registerRelease(program: Command): void {
  const release = program
    .command('release')
    .description("an AVS's releases, as L1's ReleaseManager has them");

  withTarget(release.command('list').description('all releases of an operator set, the oldest first')).action(
    async (flags) => {
      const { listReleases } = await import('../operations/release/list.js');
      await listReleases({ ...flags, env: process.env, write });
    },
  );

  withTarget(
    release
      .command('check')
      .description('compare images with the latest release; exit code 0 when all are in it, else 1')
      .option('--digest <digest...>', 'digests to check, sha256:…'),
  ).action(async (flags) => {
    const { checkRelease } = await import('../operations/release/check.js');
    if (!(await checkRelease({ ...flags, env: process.env, write }))) process.exitCode = 1;
  });
}

/** The flags that say whose releases are meant, and on which L1. */
function withTarget(command: Command): Command {
  return command
    .option('--avs <address>', 'the AVS (default: the only one of --config, or that of the devnet)')
    .requiredOption('--operator-set <id>', 'the operator set', parseCount(0, 0xffffffff))
    .option('--config <file>', "an executor's configuration: its L1, contracts and images are used")
    .option('--devnet <folder>', 'use the devnet of this folder (default: ./devnet when there is one)')
    .option('--rpc-url <url>', 'JSON-RPC endpoint of the L1, instead of either')
    .option('--release-manager <address>', 'the ReleaseManager (default: the known one of the chain)')
    .option('--json', 'for machines');
}

const write = (line: string) => {
  process.stdout.write(`${line}\n`);
};
