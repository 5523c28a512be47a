/** `ponos config`: check, print and start configuration files. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { ValidationReport } from '../operations/config/validate.js';

type RoleName = 'aggregator' | 'executor';

interface FileOptions {
  readonly config: string;
  readonly role?: RoleName;
  readonly strict?: true;
  readonly json?: true;
}

export function registerConfig(program: Command): void {
  const config = program.command('config').description('check, print and start configuration files');
  const roleOption = () =>
    new Option('--role <role>', 'the role the file is for').choices(['aggregator', 'executor']);

  fileCommand(
    config,
    'validate',
    'check a file: keys, values, environment, keystores; exit code 2 when it has a problem',
  )
    .addOption(roleOption())
    .option('--json', 'print the findings as JSON')
    .action(validate);
  fileCommand(config, 'show', 'print a file as the node sees it: defaults filled in, secrets left out')
    .addOption(roleOption())
    .option('--json', 'print JSON instead of YAML')
    .action(show);
  config
    .command('schema')
    .description('print the JSON Schema of a role’s file')
    .addOption(roleOption().makeOptionMandatory())
    .action(async ({ role }: { role: RoleName }) => {
      const { renderSchema } = await import('../operations/config/schema.js');
      process.stdout.write(renderSchema(role));
    });
  config
    .command('init')
    .description('write a commented file to start from')
    .addOption(roleOption().makeOptionMandatory())
    .option('--output <file>', 'where to write it (default: standard output)')
    .option('--force', 'overwrite an existing file')
    .action(init);
  // The generated pages of docs/; `make docs` writes them.
  config.command('reference', { hidden: true }).action(async () => {
    const { renderConfigurationReference } = await import('../operations/config/reference.js');
    process.stdout.write(renderConfigurationReference());
  });
  config.command('errors', { hidden: true }).action(async () => {
    const { renderErrorReference } = await import('../operations/config/errors-reference.js');
    process.stdout.write(renderErrorReference());
  });
}

function fileCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .requiredOption('--config <file>', 'configuration file, YAML or JSON')
    .option('--strict', 'an unknown key is an error');
}

async function roleOf(options: FileOptions): Promise<RoleName> {
  const { guessRole } = await import('../operations/config/guess-role.js');
  return options.role ?? guessRole(options.config);
}

async function validate(options: FileOptions): Promise<void> {
  const { validateConfig } = await import('../operations/config/validate.js');
  const { configInvalid } = await import('../config/load.js');
  const report = await validateConfig(await roleOf(options), {
    file: options.config,
    env: process.env,
    strict: options.strict,
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    if (!report.valid) process.exitCode = 2;
    return;
  }
  await printWarnings(report);
  if (!report.valid) throw configInvalid(report.file, report.problems);
  process.stdout.write(
    `${report.file} is a valid configuration of ${report.role === 'aggregator' ? 'an aggregator' : 'an executor'}\n`,
  );
}

async function show(options: FileOptions): Promise<void> {
  const { loadConfig } = await import('../config/load.js');
  const { renderConfig } = await import('../operations/config/show.js');
  const { config } = await loadConfig(await roleOf(options), {
    file: options.config,
    env: process.env,
    strict: options.strict,
  });
  process.stdout.write(renderConfig(config, options.json ? 'json' : 'yaml'));
}

async function init(options: { role: RoleName; output?: string; force?: true }): Promise<void> {
  const { renderStarter } = await import('../operations/config/starter.js');
  if (options.output === undefined) {
    process.stdout.write(renderStarter(options.role));
    return;
  }
  const { writeStarter } = await import('../operations/config/write-starter.js');
  await writeStarter(options.role, options.output, { force: options.force === true });
  process.stdout.write(
    `${options.output} is written; fill it in and check it with: ponos config validate --config ${options.output}\n`,
  );
}

async function printWarnings({ file, warnings }: ValidationReport): Promise<void> {
  const { renderProblem } = await import('../config/problem.js');
  for (const warning of warnings) process.stdout.write(`warning: ${renderProblem(warning, file)}\n`);
}
