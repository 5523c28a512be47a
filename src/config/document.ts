/** A YAML or JSON text as a tree that remembers where each value stands. */
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { ConfigProblem } from './problem.js';

/** A value in the file: its place, its path as spelled there, and its text. */
interface Placed {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written, without quotes: an unquoted 0x… is a number to YAML and an address to us. */
  readonly text: string;
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: readonly { readonly key: string; readonly at: Placed; readonly value: DocumentNode }[];
}

interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly DocumentNode[];
}

export type DocumentNode = ScalarNode | MapNode | ListNode;

/** More aliases than any honest file has; stops files that expand without end. */
const MAX_NODES = 100_000;

/** Parses the text; JSON is decided by content. Either a tree, or what is wrong with the text. */
export function parseConfigText(source: string): { root?: MapNode; problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const text = tabsAsSpacesInJson(source.replace(/^\uFEFF/, ''));
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number, path: string): Placed => {
    const { line, col } = lines.linePos(offset);
    return { path, line, column: col };
  };
  const problems = document.errors.map((error) => ({
    ...place(error.pos[0], ''),
    message: parserMessage(error.code, error.message),
  }));
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined) {
        problems.push({
          ...place(alias.range?.[0] ?? 0, ''),
          message: 'this alias names no anchor; put quotes around a text that begins with *',
        });
      }
    },
  });
  if (problems.length > 0) return { problems };

  let nodes = 0;
  const build = (node: Node | null | undefined, path: string, fallbackOffset: number): DocumentNode => {
    nodes += 1;
    const at = place(node?.range?.[0] ?? fallbackOffset, path);
    if (nodes > MAX_NODES) return { ...at, kind: 'scalar', value: null, text: '' };
    const target = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) return { ...at, kind: 'map', entries: entriesOf(target.items, path, fallbackOffset) };
    if (isSeq(target)) {
      const items = target.items.map((item, index) =>
        build(item as Node, `${path}[${index}]`, at.line === 0 ? 0 : (node?.range?.[0] ?? 0)),
      );
      return { ...at, kind: 'list', items };
    }
    const value = isScalar(target) ? target.value : null;
    if (value === null || typeof value === 'number' || typeof value === 'boolean') {
      return { ...at, kind: 'scalar', value, text: isScalar(target) ? (target.source ?? String(value)) : '' };
    }
    return { ...at, kind: 'scalar', value: String(value), text: String(value) };
  };
  const entriesOf = (items: readonly unknown[], path: string, fallbackOffset: number): MapNode['entries'] => {
    const entries = new Map<string, MapNode['entries'][number]>();
    const merged: MapNode['entries'][number][] = [];
    for (const pair of items) {
      if (!isPair(pair)) continue;
      const keyNode = pair.key as Node | null;
      const key = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
      const offset = keyNode?.range?.[0] ?? fallbackOffset;
      if (key === '<<') {
        // A merge: keys of the referenced mappings, below the keys written here.
        const value = build(pair.value as Node | null, path, offset);
        const sources = value.kind === 'list' ? value.items : [value];
        for (const one of sources) if (one.kind === 'map') merged.push(...one.entries);
        continue;
      }
      const childPath = path === '' ? key : `${path}.${key}`;
      entries.set(key, {
        key,
        at: place(offset, childPath),
        value: build(pair.value as Node | null, childPath, offset),
      });
    }
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return [...entries.values()];
  };

  const root = build(document.contents as Node | null, '', 0);
  if (nodes > MAX_NODES) {
    return { problems: [{ path: '', message: `the file expands to more than ${MAX_NODES} values` }] };
  }
  if (root.kind === 'map') return { root, problems };
  if (root.kind === 'scalar' && root.value === null) {
    return { root: { path: '', line: 1, column: 1, kind: 'map', entries: [] }, problems };
  }
  return {
    problems: [{ path: '', line: 1, column: 1, message: 'the file must hold keys and values (a mapping)' }],
  };
}

/** The plain value of a node, for what is checked or kept as a whole. */
export function plainValue(node: DocumentNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plainValue(value)]));
}

/**
 * JSON may be indented by tabs, YAML may not. Within valid JSON a raw tab is never part of a
 * string, so each can become a space and positions stay as they are.
 */
function tabsAsSpacesInJson(text: string): string {
  if (!text.includes('\t') || !text.trimStart().startsWith('{')) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  return text.replaceAll('\t', ' ');
}

/** Messages of the parser that would repeat text of the file, which may be a secret, are replaced. */
const PLAIN_MESSAGES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is there twice in one mapping; keep one of them',
  TAB_AS_INDENT: 'a tab indents this line; YAML allows only spaces',
  MULTIPLE_DOCS: 'the file holds more than one document; keep one',
  BAD_ALIAS: 'this alias is not valid; put quotes around a text that begins with *',
  TAG_RESOLVE_FAILED: 'this tag is not known; put quotes around a text that begins with !',
  UNEXPECTED_TOKEN: 'this is neither YAML nor JSON: unexpected characters',
};

function parserMessage(code: string, message: string): string {
  return PLAIN_MESSAGES[code] ?? `this is neither YAML nor JSON: ${message.split(/[:\n]/)[0]}`;
}
