/** Reads a keystore's JSON field by field; what is missing or odd is named with its path. */
import { PonosError } from '../../base/error.js';

/** Where a keystore came from, for messages: a file name or "signingKeys.bls.keystore". */
export type Source = string | undefined;

/** A JSON object inside a keystore, with the path that led to it. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #source: Source;

  private constructor(value: unknown, path: string, source: Source) {
    this.#path = path;
    this.#source = source;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.invalid(path === '' ? 'a keystore is not a JSON object' : `${path} is not an object`);
    }
    this.#values = value as Record<string, unknown>;
  }

  /** @throws PonosError KEYSTORE_INVALID when the text is no JSON object */
  static parse(text: string, source: Source): Fields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // The parser's message quotes the text, which may hold a key.
      throw keystoreInvalid('a keystore is not JSON', source);
    }
    return new Fields(value, '', source);
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  object(name: string): Fields {
    return new Fields(this.#values[name], this.#pathOf(name), this.#source);
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string') throw this.invalid(`${this.#pathOf(name)} is not a text`);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** One of the texts that are supported. */
  choice<T extends string>(name: string, supported: readonly T[]): T {
    const value = this.text(name);
    const found = supported.find((candidate) => candidate === value);
    if (found === undefined) {
      throw this.invalid(
        `${this.#pathOf(name)} must be ${supported.join(' or ')}, found ${value.slice(0, 40)}`,
      );
    }
    return found;
  }

  /** Whether a number field has this value. */
  is(name: string, value: number): boolean {
    return this.#values[name] === value;
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
      const range = least === most ? `${least}` : `a whole number from ${least} to ${most}`;
      throw this.invalid(`${this.#pathOf(name)} must be ${range}`);
    }
    return value;
  }

  /** Bytes of hex digits without 0x. */
  hex(name: string, leastBytes: number, mostBytes: number): Uint8Array {
    const digits = this.text(name);
    const bytes = digits.length / 2;
    if (!/^[0-9a-f]*$/i.test(digits) || digits.length % 2 !== 0 || bytes < leastBytes || bytes > mostBytes) {
      const size = leastBytes === mostBytes ? `${leastBytes}` : `${leastBytes} to ${mostBytes}`;
      throw this.invalid(`${this.#pathOf(name)} must be ${size} bytes as hex digits`);
    }
    return new Uint8Array(Buffer.from(digits, 'hex'));
  }

  invalid(message: string): PonosError {
    return keystoreInvalid(message, this.#source);
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

export function keystoreInvalid(message: string, source: Source): PonosError {
  return new PonosError('KEYSTORE_INVALID', {
    message,
    facts: { keystore: source },
    advice: 'Give the keystore whole and unchanged, as keygen has written it.',
  });
}

/** A keystore of another curve than `needed`. */
export function curveWrong(needed: string, found: string, source: Source): PonosError {
  return new PonosError('KEYSTORE_CURVE', {
    message: `the key in the keystore is ${found}, and ${needed} is needed`,
    facts: { keystore: source },
    advice: `Name a keystore made with: ponos keygen generate --curve-type ${needed} --use-keystore`,
  });
}

export function passwordWrong(source: Source): PonosError {
  return new PonosError('KEYSTORE_PASSWORD', {
    message: 'the password does not open the keystore, or its checksum is damaged',
    facts: { keystore: source },
    advice: 'Check the password; keystores written by the Go keygen open with the empty one (--password "").',
  });
}
