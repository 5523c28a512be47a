/** `ponos config init`: a commented file to start from, made from the schema. */
import type { GroupOption, LeafOption, ListOption, Option } from '../../config/option.js';
import { type Role, schemaOf } from '../../config/role.js';

/**
 * Every key with its meaning. Keys to fill in are written out, with a variable or an example;
 * the others stand as comments, with their defaults.
 */
export function renderStarter(role: Role): string {
  const head = [
    `# Configuration of \`ponos ${role}\`. Check it with: ponos config validate --config FILE`,
    '# A dollar sign and a name in braces is replaced from the environment; see .env.example.',
    '# Lines that are commented out show the default, or the kind of value.',
  ];
  return `${[...head, ...groupLines(schemaOf(role), '')].join('\n')}\n`;
}

const COMMENT_WIDTH = 100;

function groupLines(option: GroupOption, indent: string, commented = false): string[] {
  return Object.entries(option.properties).flatMap(([key, property]) => {
    const lines = optionLines(key, property, indent, commented);
    return indent === '' && lines.length > 0 ? ['', ...lines] : lines;
  });
}

/** The lines of a key. Within what is commented out as a whole nothing is commented out a second time. */
function optionLines(key: string, option: Option, indent: string, commented: boolean): string[] {
  if (option.kind !== 'list' && option.omitFromStarter) return [];
  const inactive = !commented && !isActive(option);
  const lines = [...comment(option.doc, indent), ...valueLines(key, option, indent, commented || inactive)];
  return inactive ? lines.map((line) => commentedOut(line, indent)) : lines;
}

function valueLines(key: string, option: Option, indent: string, commented: boolean): string[] {
  switch (option.kind) {
    case 'leaf':
      return [`${indent}${key}: ${leafText(option)}`];
    case 'list':
      return listLines(key, option, indent, commented);
    case 'group':
      return [`${indent}${key}:`, ...groupLines(option, `${indent}  `, commented)];
  }
}

function listLines(key: string, option: ListOption, indent: string, commented: boolean): string[] {
  if (option.item.kind === 'group') {
    return [`${indent}${key}:`, ...itemLines(option.item, `${indent}  `, commented)];
  }
  const items = Array.isArray(option.example)
    ? option.example
    : [option.item.kind === 'leaf' ? leafText(option.item) : ''];
  return [`${indent}${key}: [${items.join(', ')}]`];
}

/** An item of a list, a key that is written out first: the dash must stand before a key. */
function itemLines(item: GroupOption, indent: string, commented: boolean): string[] {
  const entries = Object.entries(item.properties);
  const [key, option] = entries.find(([, candidate]) => isActive(candidate)) ?? entries[0] ?? [];
  if (key === undefined || option === undefined) return [];
  const inner = `${indent}  `;
  const [first = '', ...rest] = valueLines(key, option, inner, commented);
  const others = entries.filter(([other]) => other !== key);
  return [
    ...comment(option.doc, indent),
    `${indent}- ${first.trimStart()}`,
    ...rest,
    ...others.flatMap(([otherKey, other]) => optionLines(otherKey, other, inner, commented)),
  ];
}

/** Written out, not commented out: a key with an example, or one above such a key. */
function isActive(option: Option): boolean {
  switch (option.kind) {
    case 'leaf':
      return option.example !== undefined || option.exampleVariable !== undefined;
    case 'list':
      return option.example !== undefined;
    case 'group':
      return Object.values(option.properties).some(isActive);
  }
}

function leafText(option: LeafOption): string {
  if (option.exampleVariable !== undefined) return `\${${option.exampleVariable}}`;
  const value = option.example ?? option.default;
  if (value === undefined) return `<${option.expected}>`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function comment(doc: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of doc.split(' ')) {
    if (line.length + word.length >= COMMENT_WIDTH) {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function commentedOut(line: string, indent: string): string {
  const rest = line.slice(indent.length);
  return rest === '' || rest.startsWith('#') ? line : `${indent}# ${rest}`;
}
