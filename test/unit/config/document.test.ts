import { describe, expect, test } from '@jest/globals';
import { parseConfigText, plainValue } from '../../../src/config/document.js';
import { brief } from '../../support/examine-text.js';

const readText = (text: string) => {
  const { root, problems } = parseConfigText(text);
  if (root === undefined) throw new Error(problems.map(brief).join('\n'));
  return plainValue(root);
};
const problemsOf = (text: string) => parseConfigText(text).problems.map(brief);

describe('parseConfigText', () => {
  test.each([
    ['YAML', 'a: 1\nb:\n  - x\n'],
    ['JSON', '{"a": 1, "b": ["x"]}'],
    ['JSON with a byte order mark', '\uFEFF{"a": 1, "b": ["x"]}'],
    ['JSON indented by tabs', '{\n\t"a": 1,\n\t"b": [\n\t\t"x"\n\t]\n}\n'],
  ])('behavior: %s is told by its content', (_name, text) => {
    expect(readText(text)).toEqual({ a: 1, b: ['x'] });
  });

  test('behavior: an empty file, or one with comments only, is an empty mapping', () => {
    expect(readText('')).toEqual({});
    expect(readText('# nothing\n')).toEqual({});
  });

  test('behavior: aliases and merges are followed, keys written in place win', () => {
    expect(readText('base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: *b\n')).toEqual({
      base: { x: 1, y: 2 },
      one: { x: 1, y: 3 },
      two: { x: 1, y: 2 },
    });
  });

  test('behavior: a value knows its path and its place', () => {
    const entry = parseConfigText('a:\n  - b: "x"\n').root?.entries[0];
    const list = entry?.value;
    if (list?.kind !== 'list' || list.items[0]?.kind !== 'map') throw new Error('no list of mappings');
    expect(list.items[0].entries[0]?.value).toMatchObject({ path: 'a[0].b', line: 2, column: 8, value: 'x' });
  });

  test.each([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', ['3 this key is there twice in one mapping; keep one of them']],
    [
      'a key twice in JSON',
      '{"a": 1,\n "a": 2}',
      ['2 this key is there twice in one mapping; keep one of them'],
    ],
    ['a tab', 'a:\n\tb: 1\n', ['2 a tab indents this line; YAML allows only spaces']],
    ['a list', '- a\n', ['1 the file must hold keys and values (a mapping)']],
    ['a sentence', 'hello\n', ['1 the file must hold keys and values (a mapping)']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['2 the file holds more than one document; keep one']],
  ])('error: %s', (_name, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  test.each([
    ['an open quote', 'a: 1\nb: "secret-word\n'],
    ['an open brace', '{"password": "secret-word"'],
    ['an unknown anchor', 'password: *secret-word\n'],
    ['a stray bracket', 'password: ]secret-word\n'],
    ['a text after a quoted one', 'password: "a" secret-word\n'],
    ['a second colon', 'password: a: secret-word\n'],
  ])('error: %s has a line and does not repeat the text', (_name, text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) {
      expect(problem).toMatch(/^\d+ /);
      expect(problem).not.toContain('secret-word');
    }
  });

  test('error: a file of a few lines that expands without end', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 8; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(problemsOf(lines.join('\n'))).toEqual(['the file expands to more than 100000 values']);
  });
});
