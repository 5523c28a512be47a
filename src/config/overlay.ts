/** Flags over environment over file. */
import type { Draft } from './draft.js';
import { type FlagValues, flagAttribute, flagFromEnvironment, type RoleFlag, roleFlags } from './flags.js';
import { fromText, HIDDEN } from './fold.js';
import type { Environment } from './interpolate.js';
import type { GroupOption } from './option.js';
import type { Role } from './role.js';

/** Puts the values of flags and environment into the draft, above what the file says: those of the keys in `schema`. */
export function overlay(
  draft: Draft,
  role: Role,
  { properties }: GroupOption,
  { flags, env }: { readonly flags: FlagValues; readonly env: Environment },
): void {
  for (const roleFlag of roleFlags(role)) {
    if (properties[keyOf(roleFlag)] === undefined) continue;
    const flagValue = flags[flagAttribute(roleFlag.flag)];
    if (flagValue !== undefined) {
      put(draft, roleFlag, `--${roleFlag.flag}`, flagValue);
      continue;
    }
    const variable = flagFromEnvironment(role, roleFlag.flag, env);
    if (variable !== undefined) put(draft, roleFlag, variable.name, variable.value);
  }
}

/** Flags are for keys at the top of the file. */
const keyOf = ({ pointer }: RoleFlag) => pointer.slice(1);

function put(draft: Draft, roleFlag: RoleFlag, path: string, value: unknown): void {
  const { pointer, option } = roleFlag;
  draft.values[keyOf(roleFlag)] = typeof value === 'string' ? fromText(value, option) : value;
  draft.origins.set(pointer, {
    path,
    found: option.secret ? HIDDEN : JSON.stringify(value),
  });
}
