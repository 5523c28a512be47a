/** From the file's own spelling to the schema's keys: case, aliases, older shapes, `${…}`. */
import { type DocumentNode, type MapNode, plainValue, type ScalarNode } from './document.js';
import { type Draft, emptyDraft, type Pointer } from './draft.js';
import { type Environment, interpolate } from './interpolate.js';
import { nearest } from './nearest.js';
import type { GroupOption, LeafOption, Option } from './option.js';
import { withoutAccessKey } from './redact.js';

/** The draft of a file. Unknown keys are warnings here; whether they are more is the caller's. */
export function foldDocument(root: MapNode, schema: GroupOption, env: Environment): Draft {
  const draft = emptyDraft();
  draft.origins.set('', { path: '', line: 1, column: 1, found: '' });
  foldGroup(root, schema, '', { draft, env }, draft.values);
  return draft;
}

interface Context {
  readonly draft: Draft;
  readonly env: Environment;
}

function fold(node: DocumentNode, option: Option, pointer: Pointer, context: Context): unknown {
  const { path, line, column } = node;
  if (node.kind === 'scalar' && node.value === null) {
    if (option.kind === 'group' && option.needsValue) {
      const message = 'it has no value: give its keys ({} for none of them), or take it out';
      context.draft.problems.push({ path, line, column, message });
    }
    return undefined;
  }
  context.draft.origins.set(pointer, { path, line, column, found: printable(node, option) });
  switch (option.kind) {
    case 'leaf':
      return foldLeaf(node, option, context);
    case 'list':
      return node.kind === 'list'
        ? node.items.map((item, index) => fold(item, option.item, `${pointer}/${index}`, context))
        : plainValue(node);
    case 'group': {
      if (node.kind !== 'map') return plainValue(node);
      const values: Record<string, unknown> = {};
      foldGroup(node, option, pointer, context, values);
      return values;
    }
  }
}

function foldGroup(
  node: MapNode,
  option: GroupOption,
  pointer: Pointer,
  context: Context,
  values: Record<string, unknown>,
): void {
  const keys = canonicalKeys(option);
  const spelledAs = new Map<string, string>();
  for (const { key, at, value } of node.entries) {
    const canonical = keys.get(key.toLowerCase());
    const property = canonical === undefined ? undefined : option.properties[canonical];
    if (canonical === undefined || property === undefined) {
      const meant = nearest(key, Object.keys(option.properties));
      const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
      context.draft.warnings.push({ ...at, message: `this key is not known${advice}` });
      continue;
    }
    const earlier = spelledAs.get(canonical);
    if (earlier !== undefined) {
      context.draft.problems.push({
        ...at,
        message: `${key} and ${earlier} are the same key; keep one of them`,
      });
      continue;
    }
    spelledAs.set(canonical, key);
    if (canonical === option.hoist && value.kind === 'map' && isPartOf(value, keys)) {
      foldGroup(value, option, pointer, context, values);
      continue;
    }
    const folded = fold(value, property, `${pointer}/${canonical}`, context);
    if (folded !== undefined) values[canonical] = folded;
  }
}

function canonicalKeys(option: GroupOption): Map<string, string> {
  return new Map([
    ...Object.keys(option.properties).map((key) => [key.toLowerCase(), key] as const),
    ...Object.entries(option.aliases).map(([alias, key]) => [alias.toLowerCase(), key] as const),
  ]);
}

/** True for a mapping of the group's own keys, such as `keystore: {keystoreFile, password}`. */
function isPartOf(node: MapNode, keys: ReadonlyMap<string, string>): boolean {
  return node.entries.length > 0 && node.entries.every(({ key }) => keys.has(key.toLowerCase()));
}

function foldLeaf(node: DocumentNode, option: LeafOption, context: Context): unknown {
  if (node.kind !== 'scalar') return option.jsonText ? JSON.stringify(plainValue(node)) : plainValue(node);
  if (typeof node.value !== 'string') return acceptsText(option) ? node.text : node.value;
  if (option.literal) return node.value;
  // Templates quote what they fill in: `chainId: "31337"` is meant as a number.
  if (!node.value.includes('${')) return acceptsNumber(option) ? fromText(node.value, option) : node.value;
  const { text, problems } = interpolate(node.value, context.env);
  const { path, line, column } = node;
  context.draft.problems.push(...problems.map((message) => ({ path, line, column, message })));
  // What could not be filled in has been reported; it is not judged a second time.
  return problems.length > 0 ? undefined : fromText(text, option);
}

const acceptsText = (option: LeafOption) => option.schema.type === 'string';
const acceptsNumber = ({ schema }: LeafOption) => schema.type === 'integer' || schema.type === 'number';

/** A value that came as text (a flag, the environment, `${…}`) as what the option asks for, if it can be. */
export function fromText(text: string, option: LeafOption): string | number | boolean {
  if (acceptsNumber(option) && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (option.schema.type === 'boolean') {
    if (/^(true|t|yes|on|1)$/i.test(text.trim())) return true;
    if (/^(false|f|no|off|0)$/i.test(text.trim())) return false;
  }
  return text;
}

/** Stands for a written secret. */
export const HIDDEN = 'a value that is not shown';

/** What was found, for messages: short, and without secrets. */
function printable(node: DocumentNode, option: Option): string {
  if (option.kind === 'leaf' && option.secret) return HIDDEN;
  // Without its scheme a URL cannot be told from its access key.
  if (option.kind === 'leaf' && option.url && node.kind === 'scalar' && !node.text.includes('://')) {
    return HIDDEN;
  }
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  return printableScalar(node, option.kind === 'leaf' && option.url);
}

function printableScalar(node: ScalarNode, isUrl: boolean): string {
  const text = isUrl ? withoutAccessKey(node.text) : node.text;
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return typeof node.value === 'string' ? JSON.stringify(short) : short;
}
