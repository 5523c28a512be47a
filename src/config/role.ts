/** The roles of a node that have a configuration file, and their schemas. */
import { aggregatorSchema } from './schema/aggregator.js';
import { executorSchema } from './schema/executor.js';

export type Role = 'aggregator' | 'executor';

export const ROLES: readonly Role[] = ['aggregator', 'executor'];

const SCHEMAS = { aggregator: aggregatorSchema, executor: executorSchema } as const;

export type SchemaOf<R extends Role> = (typeof SCHEMAS)[R];

export function schemaOf<R extends Role>(role: R): SchemaOf<R> {
  return SCHEMAS[role];
}

/** The roles of which these keys, at the top of a file, show that it is for them: they have keys that no other has. */
export function rolesOf(keys: Iterable<string>): Role[] {
  const found = new Set([...keys].map((key) => key.toLowerCase()));
  return ROLES.filter((role) => ownKeys(role).some((key) => found.has(key.toLowerCase())));
}

function ownKeys(role: Role): string[] {
  const others = ROLES.filter((other) => other !== role).flatMap((other) =>
    Object.keys(schemaOf(other).properties),
  );
  // An executor may list chains too, so that key tells nothing (and is no own key anyway).
  return Object.keys(schemaOf(role).properties).filter((key) => !others.includes(key));
}
