/** Which role a configuration file is for, by the keys that only one of them has. */
import { PonosError } from '../../base/error.js';
import { parseConfigText } from '../../config/document.js';
import { configInvalid, readConfigFile } from '../../config/load.js';
import { ROLES, type Role, schemaOf } from '../../config/role.js';

/**
 * The role whose own keys the file holds.
 * @throws PonosError CONFIG_INVALID for a file without keys that can be read, USAGE when they are of no role or both
 */
export async function guessRole(file: string): Promise<Role> {
  const { root, problems } = parseConfigText(await readConfigFile(file));
  if (problems.length > 0) throw configInvalid(file, problems);
  const keys = new Set(root?.entries.map(({ key }) => key.toLowerCase()));
  const matching = ROLES.filter((role) => ownKeys(role).some((key) => keys.has(key.toLowerCase())));
  const [role] = matching;
  if (role !== undefined && matching.length === 1) return role;
  throw new PonosError('USAGE', {
    message: `${file} does not show by its keys whether it is for an aggregator or an executor`,
    advice: 'Give --role aggregator or --role executor.',
  });
}

function ownKeys(role: Role): string[] {
  const others = ROLES.filter((other) => other !== role).flatMap((other) =>
    Object.keys(schemaOf(other).properties),
  );
  // An executor may list chains too, so that key tells nothing (and is no own key anyway).
  return Object.keys(schemaOf(role).properties).filter((key) => !others.includes(key));
}
