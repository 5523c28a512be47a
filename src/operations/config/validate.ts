/** `ponos config validate`: everything that can be known about a configuration without starting anything. */
import { readFile } from 'node:fs/promises';
import { explain } from '../../base/error.js';
import { type Draft, type Pointer, problemAt } from '../../config/draft.js';
import { keystoreFault } from '../../config/formats.js';
import { type ConfigSources, examineConfig } from '../../config/load.js';
import { byPosition, type ConfigProblem } from '../../config/problem.js';
import type { Partially } from '../../config/resolve.js';
import type { Role } from '../../config/role.js';
import type { SigningKeysConfig } from '../../config/types.js';

export interface ValidationReport {
  readonly file: string;
  readonly role: Role;
  readonly valid: boolean;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Schema, environment, rules between keys, and keystores that can be read (not whether a password opens them). */
export async function validateConfig(role: Role, sources: ConfigSources): Promise<ValidationReport> {
  const { file, problems, warnings, partial, draft } = await examineConfig(role, sources);
  const keys = partial?.operator?.signingKeys;
  const keystores = draft && keys ? await keystoreProblems(keys, draft) : [];
  const all = [...problems, ...keystores].sort(byPosition);
  return { file, role, valid: all.length === 0, problems: all, warnings };
}

async function keystoreProblems(keys: Partially<SigningKeysConfig>, draft: Draft): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const report = (pointer: Pointer, fault: string | undefined) => {
    if (fault !== undefined) problems.push(problemAt(draft, pointer, fault));
  };
  for (const [name, curve] of [
    ['bls', 'bn254'],
    ['ecdsa', undefined],
  ] as const) {
    const key = keys[name];
    const at = `/operator/signingKeys/${name}`;
    if (key?.passwordFile !== undefined) report(`${at}/passwordFile`, (await read(key.passwordFile)).fault);
    if (key?.keystore !== undefined) {
      report(`${at}/keystore`, shapeFault(key.keystore.reveal(), curve));
    } else if (key?.keystoreFile !== undefined && !draft.origins.has(`${at}/keystore`)) {
      const { text, fault } = await read(key.keystoreFile);
      report(`${at}/keystoreFile`, fault ?? shapeFault(text, curve));
    }
  }
  return problems;
}

function shapeFault(text: string, curve: 'bn254' | undefined): string | undefined {
  const fault = keystoreFault(text, curve);
  return fault === undefined ? undefined : `this keystore cannot be used: ${fault}`;
}

async function read(path: string): Promise<{ text: string; fault?: string }> {
  try {
    return { text: await readFile(path, 'utf8') };
  } catch (error) {
    return { text: '', fault: `${path} cannot be read: ${explain(error)}` };
  }
}
