/** Examines a configuration given as text, by way of a real file. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigSources, Examination } from '../../src/config/load.js';
import { examineConfig } from '../../src/config/load.js';
import type { ConfigProblem } from '../../src/config/problem.js';
import type { Role } from '../../src/config/role.js';
import type { ConfigOf } from '../../src/config/types.js';
import { temporaryFolder } from './temporary-folder.js';

type Sources = Partial<Omit<ConfigSources, 'file'>>;

export async function examineText<R extends Role>(
  role: R,
  text: string,
  sources: Sources = {},
): Promise<Examination<R>> {
  const folder = await temporaryFolder();
  try {
    const file = join(folder.path, 'node.yaml');
    await writeFile(file, text, { mode: 0o600 });
    return await examineConfig(role, { env: {}, ...sources, file });
  } finally {
    await folder.remove();
  }
}

/** The configuration of a text that has no problem. @throws Error that lists the problems */
export async function configOfText<R extends Role>(
  role: R,
  text: string,
  sources: Sources = {},
): Promise<ConfigOf<R>> {
  const { config, problems } = await examineText(role, text, sources);
  if (config === undefined) throw new Error(problems.map(brief).join('\n'));
  return config;
}

/** `12 avss[0].address: found …`, or without a line for flags and variables. */
export function brief({ line, path, message }: ConfigProblem): string {
  return `${line === undefined ? '' : `${line} `}${path === '' ? '' : `${path}: `}${message}`;
}
