/** Where the node of a configuration is, in a file whose role need not be told. */
import { loadAccess } from '../../config/load.js';
import type { Role } from '../../config/role.js';
import type { AccessConfig } from '../../config/types.js';
import { guessRole } from './guess-role.js';

export interface RoleAccess {
  readonly role: Role;
  readonly config: AccessConfig;
}

/** @param role undefined: guessed by the keys @throws PonosError USAGE, CONFIG_INVALID */
export async function accessOf(
  file: string,
  role: Role | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RoleAccess> {
  const own = role ?? (await guessRole(file));
  return { role: own, config: await loadAccess(own, { file, env }) };
}
