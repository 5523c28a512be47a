/** Which role a configuration file is for, by the keys that only one of them has. */
import { PonosError } from '../../base/error.js';
import { parseConfigText } from '../../config/document.js';
import { configInvalid, readConfigFile } from '../../config/load.js';
import { type Role, rolesOf } from '../../config/role.js';

/**
 * The role whose own keys the file holds.
 * @throws PonosError CONFIG_INVALID for a file without keys that can be read, USAGE when they are of no role or both
 */
export async function guessRole(file: string): Promise<Role> {
  const { root, problems } = parseConfigText(await readConfigFile(file));
  if (problems.length > 0) throw configInvalid(file, problems);
  const [role, another] = rolesOf(root?.entries.map(({ key }) => key) ?? []);
  if (role !== undefined && another === undefined) return role;
  throw new PonosError('USAGE', {
    message: `${file} does not show by its keys whether it is for an aggregator or an executor`,
    advice: 'Give --role aggregator or --role executor.',
  });
}
