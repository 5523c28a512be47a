/** A role's configuration, from its file, the environment and flags; every problem at once. */
import { readFile } from 'node:fs/promises';
import { PonosError } from '../base/error.js';
import { checkAccess, checkAggregator, checkExecutor } from './check.js';
import { accessOfAggregator, accessOfExecutor, deriveAggregator, deriveExecutor } from './derive.js';
import { parseConfigText } from './document.js';
import type { Draft } from './draft.js';
import { environmentName, type FlagValues, flagFromEnvironment } from './flags.js';
import { foldDocument } from './fold.js';
import { locateInputFiles } from './input-files.js';
import type { Environment } from './interpolate.js';
import type { GroupOption } from './option.js';
import { overlay } from './overlay.js';
import { byPosition, type ConfigProblem, renderProblem } from './problem.js';
import { type Partially, resolve } from './resolve.js';
import { type Role, rolesOf, schemaOf } from './role.js';
import { checkShape } from './shape.js';
import type { AccessConfig, AccessKey, ConfigOf, WrittenAccess, WrittenConfig } from './types.js';

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

/**
 * Only where the node is reached and where its state is. Nothing else of the file needs to be sound: whoever asks a node
 * something has not always the environment that it runs in.
 * @throws PonosError CONFIG_INVALID, its message one line for each problem of these keys
 */
export async function loadAccess<R extends Role>(role: R, sources: ConfigSources): Promise<AccessConfig> {
  const { properties, ...group } = schemaOf(role);
  const asked = Object.entries(properties).filter(([key]) => key in ACCESS_KEYS);
  const schema = { ...group, properties: Object.fromEntries(asked) };
  const { file, problems, keys, draft, values } = await readParts(role, schema, sources);
  const roles = rolesOf(keys);
  if (roles.length > 0 && !roles.includes(role)) {
    problems.push({
      path: '',
      message: `its keys are those of another role (${roles.join(', ')}), not of the ${role}`,
    });
  }
  if (draft !== undefined) checkAccess(values as Partially<WrittenConfig<R>>, draft);
  if (problems.length > 0) throw configInvalid(file, problems.sort(byPosition));
  const rules: RoleRules<R> = RULES[role];
  return rules.access(values as WrittenAccess<R>);
}

/** Like loadConfig, but hands back what it found. @throws PonosError CONFIG_INVALID for a file that cannot be read */
export async function examineConfig<R extends Role>(
  role: R,
  sources: ConfigSources,
): Promise<Examination<R>> {
  const schema = schemaOf(role);
  const { file, problems, warnings, draft, values } = await readParts(role, schema, sources);
  if (draft === undefined) return { file, problems, warnings };
  const partial = values as Partially<WrittenConfig<R>>;
  checkAccess(partial, draft);
  const config = checkAndDerive(role, partial, draft, sources.env);
  return {
    file,
    problems: problems.sort(byPosition),
    warnings: warnings.sort(byPosition),
    partial,
    draft,
    config,
  };
}

interface ReadParts {
  readonly file: string;
  /** Those of the draft, if there is one. */
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
  /** At the top of the file, as spelled there. */
  readonly keys: readonly string[];
  /** Undefined when the text is neither YAML nor JSON. */
  readonly draft?: Draft;
  /** What is sound of the schema's values. */
  readonly values?: unknown;
}

/** The keys of a schema, each judged by itself. @throws PonosError CONFIG_INVALID for a file that cannot be read */
async function readParts(role: Role, schema: GroupOption, sources: ConfigSources): Promise<ReadParts> {
  const { env, flags = {} } = sources;
  const file = configFile(role, sources);
  const { root, problems } = parseConfigText(await readConfigFile(file));
  if (root === undefined) return { file, problems, warnings: [], keys: [] };
  const keys = root.entries.map(({ key }) => key);
  const draft = foldDocument(root, schema, env);
  if (sources.strict === true || flags.strict === true) {
    draft.problems.push(...draft.warnings.splice(0));
  }
  overlay(draft, role, schema, { flags, env });
  checkShape(draft, role, schema);
  const values = await locateInputFiles(resolve(schema, draft.values), schema, file);
  return { file, problems: draft.problems, warnings: draft.warnings, keys, draft, values };
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
  readonly access: (config: WrittenAccess<R>) => AccessConfig;
}

const RULES: { readonly [R in Role]: RoleRules<R> } = {
  aggregator: { check: checkAggregator, derive: deriveAggregator, access: accessOfAggregator },
  executor: { check: checkExecutor, derive: deriveExecutor, access: accessOfExecutor },
};

const ACCESS_KEYS: Readonly<Record<AccessKey, true>> = {
  grpcPort: true,
  managementServerGrpcPort: true,
  grpc: true,
  authentication: true,
  storage: true,
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
