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
    .option('--ca-file <file>', 'of a node with TLS: whom its certificate comes from, PEM')
    .option('--cert-file <file>', 'what is shown to a node that requires a certificate, PEM')
    .option('--key-file <file>', 'its private key, PEM')
    .option(
      '--server-name <host>',
      'whom the certificate of the node is for (default: the host of the address)',
    )
    .action(async ({ address, service, timeout, caFile, certFile, keyFile, serverName }) => {
      const { checkHealth } = await import('../operations/health.js');
      await checkHealth({
        address,
        service,
        timeoutMs: timeout * 1_000,
        tls: { caFile, certFile, keyFile, serverName },
      });
      console.log('serving');
    });
}
