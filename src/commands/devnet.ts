/** `ponos devnet up|down|status|transport`: local chains with the whole contract surface. */
import type { Command } from 'commander';
import type { DevnetUpFlags } from '../operations/devnet/up.js';
import { parseCount, parsePort } from './numbers.js';

const DEFAULT_FOLDER = './devnet';

export function registerDevnet(program: Command): void {
  const devnet = program
    .command('devnet')
    .description('local L1 and L2 with the contracts, operators, configs and keystores to try it all on');

  devnet
    .command('up')
    .description('start the chains, deploy, register operators, write configs and keystores')
    .option('--dir <folder>', 'where configs, keys, logs and state go', DEFAULT_FOLDER)
    .option('--l1-port <port>', 'JSON-RPC port of the L1, 0 for a free one', parsePort, 8545)
    .option('--l2-port <port>', 'JSON-RPC port of the L2, 0 for a free one', parsePort, 8546)
    .option(
      '--executor-port <port>',
      'gRPC port of the first executor, the others follow; 0 for free ones',
      parsePort,
      9090,
    )
    .option('--management-port <port>', "the aggregator's management port, 0 for a free one", parsePort, 9010)
    .option('--executors <n>', 'number of executors, 1 to 50', parseCount(1, 50), 4)
    .option('--block-time <seconds>', 'seconds between blocks', parseCount(1, 3600), 1)
    .option('--docker <image:tag>', 'performers are containers of this image (default: a child process each)')
    .action(async (flags: Omit<DevnetUpFlags, 'write'>) => {
      const { devnetUp } = await import('../operations/devnet/up.js');
      await devnetUp({ ...flags, write: (line) => process.stdout.write(`${line}\n`) });
    });

  devnet
    .command('down')
    .description('stop the chains; configs, keys and logs stay unless --purge is given')
    .option('--dir <folder>', 'the folder given to `up`', DEFAULT_FOLDER)
    .option('--purge', 'remove what the devnet has written, and its folder when nothing else is in it')
    .action(async (flags: { dir: string; purge?: boolean }) => {
      const { devnetDown } = await import('../operations/devnet/down.js');
      await devnetDown({ ...flags, write: (line) => process.stdout.write(`${line}\n`) });
    });

  devnet
    .command('status')
    .description('heads of the chains, tables, operators and their stake')
    .option('--dir <folder>', 'the folder given to `up`', DEFAULT_FOLDER)
    .option('--json', 'for machines')
    .action(async (flags: { dir: string; json?: boolean }) => {
      const { devnetStatus } = await import('../operations/devnet/status.js');
      process.stdout.write(await devnetStatus(flags));
    });

  devnet
    .command('transport')
    .description('carry the operator tables as they are now on L1 to both chains')
    .option('--dir <folder>', 'the folder given to `up`', DEFAULT_FOLDER)
    .action(async (flags: { dir: string }) => {
      const { devnetTransport } = await import('../operations/devnet/transport.js');
      await devnetTransport({ ...flags, write: (line) => process.stdout.write(`${line}\n`) });
    });
}
