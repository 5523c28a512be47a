/** `ponos health`: whether a node serves, for what watches it: a container engine, a script, a load balancer. */
import { type Command, Option } from 'commander';
import { parseCount } from './numbers.js';

export function registerHealth(program: Command): void {
  program
    .command('health')
    .description('ask a node whether it serves; ends with 0 if it does, with 1 if not')
    .addOption(
      new Option('--address <host:port>', 'one of its ports')
        .env('PONOS_HEALTH_ADDRESS')
        .makeOptionMandatory(),
    )
    .option('--service <name>', 'one of its services, by full name (default: the node as a whole)')
    .option('--timeout <seconds>', 'how long to wait for the answer', parseCount(1, 3_600), 5)
    .action(async ({ address, service, timeout }) => {
      const { checkHealth } = await import('../operations/health.js');
      await checkHealth({ address, service, timeoutMs: timeout * 1_000 });
      console.log('serving');
    });
}
