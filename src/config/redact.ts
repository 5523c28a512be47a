/** Values made fit to be printed. */
import { Secret } from '../base/secret.js';

const URL_TEXT = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^@/?#]*@)?([^/?#]*)(.*)$/is;

/** Scheme and host of a URL: what follows, and what stands before an `@`, may be an access key. */
export function withoutAccessKey(text: string): string {
  const [, scheme, host, rest] = URL_TEXT.exec(text) ?? [];
  if (scheme === undefined || host === undefined) return text;
  return `${scheme}${host}${rest === '' || rest === '/' ? rest : '/[redacted]'}`;
}

/** A plain copy of a configuration without secrets and access keys, fit for YAML and JSON. */
export function redacted(value: unknown): unknown {
  if (value instanceof Secret) return String(value);
  if (typeof value === 'string') return withoutAccessKey(value);
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redacted(inner)]));
}
