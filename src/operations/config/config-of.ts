/** The configuration in a file whose role need not be told. */
import { loadConfig } from '../../config/load.js';
import type { Role } from '../../config/role.js';
import type { ConfigOf } from '../../config/types.js';
import { guessRole } from './guess-role.js';

export interface RoleConfig {
  readonly role: Role;
  readonly config: ConfigOf<Role>;
}

/** @param role undefined: guessed by the keys @throws PonosError USAGE, CONFIG_INVALID */
export async function configOf(
  file: string,
  role: Role | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RoleConfig> {
  const own = role ?? (await guessRole(file));
  return { role: own, config: (await loadConfig(own, { file, env })).config };
}
