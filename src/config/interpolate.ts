/** `${NAME}` in a string, replaced from the environment. */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Sentences about names that are not set or not names. */
  readonly problems: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * `${NAME}` must be set; `${NAME:-default}` gives a default for one that is unset or empty;
 * `$${` stands for `${` itself.
 */
export function interpolate(text: string, env: Environment): Interpolated {
  const problems: string[] = [];
  const replaced = text.replace(REFERENCE, (whole, inside: string | undefined) => {
    if (whole === '$${') return '${';
    const [, name, fallback] = NAME.exec(inside ?? '') ?? [];
    if (name === undefined || !whole.endsWith('}')) {
      problems.push(
        'a dollar sign and a brace must be followed by the name of a variable and a closing brace; double the dollar sign to write them as they are',
      );
      return '';
    }
    const value = env[name];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) problems.push(`the environment variable ${name} is not set`);
    return value ?? '';
  });
  return { text: replaced, problems };
}
