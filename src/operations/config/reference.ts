/** `docs/configuration.md`, made from the schema. */
import { doubledEnvironmentName, environmentName, roleFlags } from '../../config/flags.js';
import type { LeafOption, Option } from '../../config/option.js';
import { ROLES, type Role, schemaOf } from '../../config/role.js';

/** The whole page. */
export function renderConfigurationReference(): string {
  return `${[INTRODUCTION, ...ROLES.map(renderRole)].join('\n\n')}\n`;
}

const INTRODUCTION = `<!-- Made by \`make docs\` from the schema in src/config; do not edit. -->
# Configuration

One file per node, YAML or JSON (told apart by content), named by \`--config\`. Files of the public Go node load
unchanged.

- \`ponos config validate\` checks a file and lists every problem with its line; \`show\` prints it with defaults and
  without secrets; \`schema\` prints the JSON Schema; \`init\` writes a commented file to start from.
- Flags beat the environment, the environment beats the file.
- The case of keys does not matter. An unknown key is a warning, and an error with \`--strict\`.
- \`\${NAME}\` in a text is replaced from the environment, \`\${NAME:-default}\` gives a default for a variable that is
  unset or empty, and \`$\${\` stands for \`\${\` itself. An unset variable is an error. Passwords and the values of
  performers' variables are taken as they stand.
- Commands to a node (\`ponos health\`, \`ponos storage\`, \`ponos executor list\`, …) read only its ports, \`grpc\`,
  \`authentication\` and \`storage\`: variables of other keys need not be set for them. With \`authentication.enabled\`
  they read the signing key too, and with it the whole file.
- Relative paths of files that are read (keystores, password files, certificates) are looked up in the working
  directory and, if the file is not there, in the folder of the configuration file. Folders that are written are
  relative to the working directory.
- A file that holds a private key should have mode 0600; a wider one is a warning at start.
- Older spellings: \`storage.badgerConfig\` (\`badger\`), \`authentication.isEnabled\` and \`authConfig.isEnabled\`
  (\`authentication.enabled\`), \`useRemoteSigner\` (\`remoteSigner\`),
  \`signingKeys.ecdsa.keystore.{keystoreFile,password}\`, \`processType: docker\` (\`server\`). A key without a value is
  an absent key.`;

function renderRole(role: Role): string {
  const title = `## ${role[0]?.toUpperCase()}${role.slice(1)}`;
  return [title, flagTable(role), keyTable(role)].join('\n\n');
}

function flagTable(role: Role): string {
  const rows = roleFlags(role).map(({ flag, option }) => [
    `\`--${flag}\``,
    `\`${environmentName(role, flag)}\``,
    option.doc,
  ]);
  const config = ['`--config`', `\`${environmentName(role, 'config')}\``, 'The configuration file.'];
  return [
    table(['flag', 'environment', 'meaning'], [config, ...rows]),
    '',
    `The doubled underscore of the Go tools is read too: \`${doubledEnvironmentName(role, 'debug')}\`.`,
  ].join('\n');
}

function keyTable(role: Role): string {
  const rows = Object.entries(schemaOf(role).properties).flatMap(([key, option]) => optionRows(key, option));
  return table(['key', 'value', 'default', 'meaning'], rows);
}

function optionRows(path: string, option: Option): string[][] {
  switch (option.kind) {
    case 'leaf':
      return [[`\`${path}\``, option.expected, defaultText(option), option.doc]];
    case 'list':
      return option.item.kind === 'group'
        ? [
            [`\`${path}[]\``, 'a list', option.required ? 'required' : 'none', option.doc],
            ...childRows(`${path}[]`, option.item),
          ]
        : [
            [
              `\`${path}\``,
              `a list: ${expectedItem(option.item)}`,
              option.required ? 'required' : 'none',
              option.doc,
            ],
          ];
    case 'group':
      return [
        [`\`${path}\``, 'a mapping', option.optional ? 'absent' : '', option.doc],
        ...childRows(path, option),
      ];
  }
}

function childRows(path: string, option: Extract<Option, { kind: 'group' }>): string[][] {
  return Object.entries(option.properties).flatMap(([key, child]) => optionRows(`${path}.${key}`, child));
}

const expectedItem = (option: Option) => (option.kind === 'leaf' ? option.expected : option.doc);

function defaultText(option: LeafOption): string {
  if (option.required) return 'required';
  return option.default === undefined ? '' : `\`${JSON.stringify(option.default)}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
