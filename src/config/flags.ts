/** The flags of the roles, made from the schema. Imports neither ajv nor yaml: it runs for every `--help`. */
import type { Command } from 'commander';
import type { Pointer } from './draft.js';
import type { LeafOption } from './option.js';
import { type Role, schemaOf } from './role.js';

/** What commander collects: by camel-case flag name. */
export type FlagValues = Readonly<Record<string, unknown>>;

export interface RoleFlag {
  readonly flag: string;
  readonly pointer: Pointer;
  readonly option: LeafOption;
}

/** The keys of a role that have a flag (all of them at the top of the file). */
export function roleFlags(role: Role): RoleFlag[] {
  return Object.entries(schemaOf(role).properties).flatMap(([key, option]) =>
    option.kind === 'leaf' && option.flag !== undefined
      ? [{ flag: option.flag, pointer: `/${key}`, option }]
      : [],
  );
}

/** `EXECUTOR_GRPC_PORT` for `grpc-port`. */
export function environmentName(role: Role, flag: string): string {
  return `${role.toUpperCase()}_${flag.replaceAll('-', '_').toUpperCase()}`;
}

/** The Go tools' spelling of the same: `EXECUTOR__GRPC_PORT`. */
export function doubledEnvironmentName(role: Role, flag: string): string {
  return environmentName(role, flag).replace('_', '__');
}

/** A flag's value in the environment, in either spelling, and the name it stands under. */
export function flagFromEnvironment(
  role: Role,
  flag: string,
  env: Readonly<Record<string, string | undefined>>,
): { name: string; value: string } | undefined {
  for (const name of [environmentName(role, flag), doubledEnvironmentName(role, flag)]) {
    const value = env[name];
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}

/** `performerNetworkName` for `performer-network-name`, as commander spells it. */
export function flagAttribute(flag: string): string {
  return flag.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

/** Adds `--config`, `--strict` and every flag of the role's schema to a command. */
export function addRoleOptions(command: Command, role: Role): Command {
  command.option(
    '--config <file>',
    `configuration file, YAML or JSON (env ${environmentName(role, 'config')})`,
  );
  for (const { flag, option } of roleFlags(role)) {
    const argument =
      option.schema.type === 'boolean' ? '' : ` <${option.schema.type === 'string' ? 'text' : 'number'}>`;
    command.option(`--${flag}${argument}`, `${option.doc} (env ${environmentName(role, flag)})`);
  }
  return command.option('--strict', 'an unknown key in the file is an error');
}
