/** Looks for secrets, in every spelling that a program may print or store them in, in what it has left behind. */
import fs from 'node:fs';
import path from 'node:path';

export interface NamedSecret {
  readonly name: string;
  readonly value: Uint8Array;
}

export interface Evidence {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Parts of fewer bytes occur by accident. */
const MIN_PART_BYTES = 8;

export const secretText = (name: string, text: string): NamedSecret => ({
  name,
  value: Buffer.from(text, 'utf8'),
});

/** @returns a sentence for each spelling of each secret that occurs; empty when there is none */
export function findLeaks(evidence: readonly Evidence[], secrets: readonly NamedSecret[]): string[] {
  const spellings = secrets.flatMap(spellingsOf);
  return evidence.flatMap(({ name, content }) => {
    // One character per byte: what is found is bytes, whatever they mean.
    const bytes = Buffer.from(content).toString('latin1');
    const folded = bytes.toLowerCase();
    return spellings
      .filter(({ text, isFolded }) => (isFolded ? folded : bytes).includes(text))
      .map((spelling) => `${spelling.what} is in ${name}`);
  });
}

interface Spelling {
  readonly what: string;
  readonly text: string;
  /** Upper and lower case are the same. */
  readonly isFolded: boolean;
}

/** Of the whole and of each half: a line may be cut in the middle of a secret. */
function spellingsOf({ name, value }: NamedSecret): Spelling[] {
  const middle = Math.floor(value.length / 2);
  const halves =
    middle < MIN_PART_BYTES
      ? []
      : [
          ...spellingsOfPart(`the first half of ${name}`, value.subarray(0, middle)),
          ...spellingsOfPart(`the second half of ${name}`, value.subarray(middle)),
        ];
  return [...spellingsOfPart(name, value), ...halves, ...wholeNumber(name, value)];
}

function spellingsOfPart(name: string, value: Uint8Array): Spelling[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString('hex');
  const text = bytes.toString('utf8');
  const exact = {
    raw: bytes,
    reversed: Buffer.from(bytes).reverse(),
    JSON: Buffer.from(JSON.stringify(text).slice(1, -1)),
    'JSON twice': Buffer.from(JSON.stringify(JSON.stringify(text)).slice(3, -3)),
    URL: Buffer.from(encodeURIComponent(text)),
    'list of bytes': Buffer.from([...bytes].join(',')),
    'spaced list of bytes': Buffer.from([...bytes].join(', ')),
  };
  const inBase64 = [0, 1, 2].flatMap((offset) => [
    { kind: 'base64', spelt: Buffer.from(base64At(bytes, offset)) },
    {
      kind: 'base64url',
      spelt: Buffer.from(base64At(bytes, offset).replaceAll('+', '-').replaceAll('/', '_')),
    },
  ]);
  const folded = { hex, 'spaced hex': hex.replaceAll(/..(?!$)/g, '$& ') };
  return [
    ...[...Object.entries(exact).map(([kind, spelt]) => ({ kind, spelt })), ...inBase64].map(
      ({ kind, spelt }) => ({
        what: `${name} (${kind})`,
        text: spelt.toString('latin1'),
        isFolded: false,
      }),
    ),
    ...Object.entries(folded).map(([kind, spelt]) => ({
      what: `${name} (${kind})`,
      text: spelt,
      isFolded: true,
    })),
  ];
}

/** The characters of base64 that depend on the bytes alone when they begin so many bytes behind a group of three. */
function base64At(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const isCut = (offset + bytes.length) % 3 !== 0;
  return text.slice(offset === 0 ? 0 : offset + 1, isCut ? -1 : undefined);
}

/** As field elements are printed: decimal, and hex without leading zeros. */
function wholeNumber(name: string, value: Uint8Array): Spelling[] {
  const number = BigInt(`0x${Buffer.from(value).toString('hex')}`);
  return [
    { what: `${name} (decimal)`, text: number.toString(), isFolded: false },
    { what: `${name} (short hex)`, text: number.toString(16), isFolded: true },
  ];
}

/** All files below a folder; `skip` decides by the path inside it. */
export function filesBelow(folder: string, skip: (name: string) => boolean = () => false): Evidence[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !skip(name) && fs.statSync(path.join(folder, name)).isFile())
    .map((name) => ({
      name: path.join(path.basename(folder), name),
      content: fs.readFileSync(path.join(folder, name)),
    }));
}
