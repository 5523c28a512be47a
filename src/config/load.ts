/** A role's configuration, from its file, the environment and flags; every problem at once. */
import { readFile } from 'node:fs/promises';
import { PonosError } from '../base/error.js';
import { checkAggregator, checkExecutor } from './check.js';
import { deriveAggregator, deriveExecutor } from './derive.js';
import { parseConfigText } from './document.js';
import type { Draft } from './draft.js';
import { environmentName, type FlagValues, flagFromEnvironment } from './flags.js';
import { foldDocument } from './fold.js';
import { locateInputFiles } from './input-files.js';
import type { Environment } from './interpolate.js';
import { overlay } from './overlay.js';
import { byPosition, type ConfigProblem, renderProblem } from './problem.js';
import { type Partially, resolve } from './resolve.js';
import { type Role, schemaOf } from './role.js';
import { checkShape } from './shape.js';
import type { ConfigOf, WrittenConfig } from './types.js';

export interface ConfigSources {
  /** Path of the file; absent: that of `flags.config`, else of `AGGREGATOR_CONFIG` / `EXECUTOR_CONFIG`. */
  readonly file?: string;
  readonly env: Environment;
  /** As commander collects them. */
  readonly flags?: FlagValues;
  /** Unknown keys are problems; also switched on by `flags.strict`. */
  readonly strict?: boolean;
}

export interface LoadedConfig<C> {
  readonly file: string;
  readonly config: C;
  readonly warnings: readonly ConfigProblem[];
}

/** What examining a file found; `config` only when there is no problem. */
export interface Examination<R extends Role> {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly config?: ConfigOf<R>;
  /** What is sound, for further checks that want to report along with these. */
  readonly partial?: Partially<WrittenConfig<R>>;
  readonly draft?: Draft;
}

/**
 * Loads, checks and resolves a configuration. Nothing is opened but the file itself.
 * @throws PonosError CONFIG_INVALID, its message one line for each problem
 */
export async function loadConfig<R extends Role>(
  role: R,
  sources: ConfigSources,
): Promise<LoadedConfig<ConfigOf<R>>> {
  const { file, config, problems, warnings } = await examineConfig(role, sources);
  if (config === undefined) throw configInvalid(file, problems);
  return { file, config, warnings };
}

/** Like loadConfig, but hands back what it found. @throws PonosError CONFIG_INVALID for a file that cannot be read */
export async function examineConfig<R extends Role>(
  role: R,
  sources: ConfigSources,
): Promise<Examination<R>> {
  const flags = sources.flags ?? {};
  const file = configFile(role, sources);
  const parsed = parseConfigText(await readConfigFile(file));
  if (parsed.root === undefined) return { file, problems: parsed.problems, warnings: [] };

  const schema = schemaOf(role);
  const draft = foldDocument(parsed.root, schema, sources.env);
  if (sources.strict === true || flags.strict === true) {
    draft.problems.push(...draft.warnings.splice(0));
  }
  overlay(draft, role, flags, sources.env);
  checkShape(draft, role);
  const partial = await locateInputFiles(resolve(schema, draft.values), schema, file);
  const config = checkAndDerive(role, partial, draft, sources.env);
  const problems = draft.problems.sort(byPosition);
  const warnings = draft.warnings.sort(byPosition);
  return { file, problems, warnings, partial, draft, config };
}

/** The error that lists the problems, one a line. */
export function configInvalid(file: string, problems: readonly ConfigProblem[]): PonosError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.map((problem) => `\n  ${renderProblem(problem, file)}`);
  return new PonosError('CONFIG_INVALID', {
    message: `${file} has ${count}:${lines.join('')}`,
    advice: `Correct ${problems.length === 1 ? 'it' : 'them'} and check again with \`ponos config validate\`.`,
  });
}

function configFile(role: Role, sources: ConfigSources): string {
  const flag = sources.flags?.config;
  const file =
    sources.file ??
    (typeof flag === 'string' ? flag : flagFromEnvironment(role, 'config', sources.env)?.value);
  if (file !== undefined) return file;
  throw new PonosError('CONFIG_INVALID', {
    message: 'no configuration file is named',
    advice: `Give --config FILE or set ${environmentName(role, 'config')}; \`ponos config init --role ${role}\` writes a starter file.`,
  });
}

/** The text of a configuration file. @throws PonosError CONFIG_INVALID */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the configuration file ${file} cannot be read`,
      advice: 'Check the path and the permissions.',
      cause,
    });
  }
}

interface RoleRules<R extends Role> {
  readonly check: (config: Partially<WrittenConfig<R>>, draft: Draft, env: Environment) => void;
  readonly derive: (config: WrittenConfig<R>) => ConfigOf<R>;
}

const RULES: { readonly [R in Role]: RoleRules<R> } = {
  aggregator: { check: checkAggregator, derive: deriveAggregator },
  executor: { check: checkExecutor, derive: deriveExecutor },
};

/** The rules between keys, then, if nothing is wrong at all, the final form. */
function checkAndDerive<R extends Role>(
  role: R,
  partial: Partially<WrittenConfig<R>>,
  draft: Draft,
  env: Environment,
): ConfigOf<R> | undefined {
  const rules: RoleRules<R> = RULES[role];
  rules.check(partial, draft, env);
  // Without a problem nothing is missing: the schema has required keys, and each has been read.
  return draft.problems.length > 0 ? undefined : rules.derive(partial as WrittenConfig<R>);
}
