/** `ponos health`: whether a node serves, for what watches it: a container engine, a script, a load balancer. */
import { type Command, Option } from 'commander';
import { withTlsOptions } from './node-options.js';
import { parseCount } from './numbers.js';

export function registerHealth(program: Command): void {
  withTlsOptions(
    program
      .command('health')
      .description('ask a node whether it serves; ends with 0 if it does, with 1 if not')
      .option(
        '--address <host:port>',
        'one of its ports (default: the management port of --config, else PONOS_HEALTH_ADDRESS)',
      )
      .option('--config <file>', 'its configuration: its port, and how that speaks TLS')
      .addOption(
        new Option('--role <role>', 'whose configuration it is').choices(['aggregator', 'executor']),
      ),
  )
    .option('--service <name>', 'one of its services, by full name (default: the node as a whole)')
    .option('--timeout <seconds>', 'how long to wait for the answer', parseCount(1, 3_600), 5)
    .action(async (flags) => {
      const { askHealth } = await import('../operations/health.js');
      await askHealth(flags, process.env);
      console.log('serving');
    });
}
