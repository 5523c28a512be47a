/** The options as JSON Schema (2020-12), for ajv and for editors. */
import type { GroupOption, LeafOption, Option } from './option.js';

export type JsonSchema = { readonly [keyword: string]: unknown };

/** Keywords that are notes of ours to the reader, not rules. */
export const NOTE_KEYWORDS = ['x-flag', 'x-environment'] as const;

/** The schema of a file, with its title. `environmentName` gives the variable of a flag. */
export function fileSchema(
  title: string,
  schema: GroupOption,
  environmentName: (flag: string) => string,
): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    ...schemaOfOption(schema, environmentName),
  };
}

function schemaOfOption(option: Option, environmentName: (flag: string) => string): JsonSchema {
  switch (option.kind) {
    case 'leaf':
      return leafSchema(option, environmentName);
    case 'list':
      return {
        type: 'array',
        description: option.doc,
        items: schemaOfOption(option.item, environmentName),
        ...(option.required ? { minItems: 1 } : {}),
      };
    case 'group': {
      const required = Object.keys(option.properties).filter((key) => mustBeThere(option.properties[key]));
      return {
        type: 'object',
        description: option.doc,
        properties: Object.fromEntries(
          Object.entries(option.properties).map(([key, property]) => [
            key,
            schemaOfOption(property, environmentName),
          ]),
        ),
        ...(required.length > 0 ? { required } : {}),
        additionalProperties: false,
      };
    }
  }
}

/** A key that has to be written: a required one, or a group that holds such a key. */
export function mustBeThere(option: Option | undefined): boolean {
  if (option === undefined) return false;
  if (option.kind !== 'group') return option.required;
  return !option.optional && Object.values(option.properties).some(mustBeThere);
}

function leafSchema(option: LeafOption, environmentName: (flag: string) => string): JsonSchema {
  return {
    ...option.schema,
    description: option.doc,
    ...(option.default === undefined ? {} : { default: option.default }),
    ...(option.secret ? { writeOnly: true } : {}),
    ...(option.flag === undefined
      ? {}
      : { 'x-flag': `--${option.flag}`, 'x-environment': environmentName(option.flag) }),
  };
}
