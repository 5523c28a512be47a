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
