/** The flags of commands that manage a running node. */
import type { Command } from 'commander';
import type { Role } from '../config/role.js';
import { parseCount } from './numbers.js';

/** Adds who is called, as whom, and for how long. */
export function withNodeOptions(command: Command, role: Role): Command {
  return withTlsOptions(command)
    .option('--config <file>', `configuration of the ${role}: its port, its key, whether it asks for one`)
    .option(
      '--address <host:port>',
      'its management port (default: that of the configuration, on this machine)',
    )
    .option('--key-file <file>', "the operator's signing key, if not that of the configuration")
    .option('--password-file <file>', 'password of the key file')
    .option('--operator <address>', "the operator's address, with --key-file and without --config")
    .option('--bind-request', 'the node has authentication.bindRequest')
    .option('--timeout <seconds>', 'how long to wait for the node', parseCount(1, 86_400))
    .option('--json', 'for machines');
}

/** Adds how it is called; the flags win over the configuration of the node. */
export function withTlsOptions(command: Command): Command {
  return command
    .option(
      '--tls',
      'call the node with TLS (default: if its configuration, or another of these flags, says so)',
    )
    .option('--no-tls', 'call it without, whatever its configuration says')
    .option('--tls-ca-file <file>', 'whom its certificate comes from, PEM (default: whom Node.js knows)')
    .option('--tls-cert-file <file>', 'what is shown to a node that requires a certificate, PEM')
    .option('--tls-key-file <file>', 'its private key, PEM, without a passphrase')
    .option('--tls-server-name <host>', 'whom its certificate is for (default: the host that is called)');
}

/** Collects a flag that may be given several times. */
export function collected(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}
