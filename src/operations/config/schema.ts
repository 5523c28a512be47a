/** `ponos config schema`: the JSON Schema of a role's file. */
import { environmentName } from '../../config/flags.js';
import { fileSchema } from '../../config/json-schema.js';
import { type Role, schemaOf } from '../../config/role.js';

/** JSON text that ends with a line break. */
export function renderSchema(role: Role): string {
  const schema = fileSchema(`ponos ${role}`, schemaOf(role), (flag) => environmentName(role, flag));
  return `${JSON.stringify(schema, null, 2)}\n`;
}
