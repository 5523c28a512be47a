/** Flags over environment over file. */
import type { Draft } from './draft.js';
import { type FlagValues, flagAttribute, flagFromEnvironment, type RoleFlag, roleFlags } from './flags.js';
import { fromText, HIDDEN } from './fold.js';
import type { Environment } from './interpolate.js';
import type { Role } from './role.js';

/** Puts the values of flags and environment into the draft, above what the file says. */
export function overlay(draft: Draft, role: Role, flags: FlagValues, env: Environment): void {
  for (const roleFlag of roleFlags(role)) {
    const flagValue = flags[flagAttribute(roleFlag.flag)];
    if (flagValue !== undefined) {
      put(draft, roleFlag, `--${roleFlag.flag}`, flagValue);
      continue;
    }
    const variable = flagFromEnvironment(role, roleFlag.flag, env);
    if (variable !== undefined) put(draft, roleFlag, variable.name, variable.value);
  }
}

function put(draft: Draft, { pointer, option }: RoleFlag, path: string, value: unknown): void {
  draft.values[pointer.slice(1)] = typeof value === 'string' ? fromText(value, option) : value;
  draft.origins.set(pointer, {
    path,
    found: option.secret ? HIDDEN : JSON.stringify(value),
  });
}
