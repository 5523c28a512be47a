/** Shapes of text that a pattern cannot tell, by the names the schema uses. */
import { isIP } from 'node:net';
import { contractAddress } from './contract-reference.js';

export const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'http-url': (text) => hasScheme(text, ['http:', 'https:']),
  'ws-url': (text) => hasScheme(text, ['ws:', 'wss:']),
  cidr: isCidr,
  contract: (text) => contractAddress(text) !== undefined,
  keystore: (text) => keystoreFault(text) === undefined,
};

function hasScheme(text: string, schemes: readonly string[]): boolean {
  return URL.canParse(text) && schemes.includes(new URL(text).protocol);
}

function isCidr(text: string): boolean {
  const [ip = '', prefix, ...more] = text.split('/');
  const version = isIP(ip);
  if (version === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/**
 * Why a text cannot be a keystore, seen without its password: EIP-2335 and version 3 both are
 * JSON objects with a `crypto` object. Undefined when it may be one.
 */
export function keystoreFault(text: string, curve?: 'bn254'): string | undefined {
  const fields = jsonObject(text);
  if (fields === undefined) return 'it is no JSON object';
  const crypto = fields.get('crypto');
  if (typeof crypto !== 'object' || crypto === null) return 'it has no crypto field';
  if (curve === undefined) return undefined;
  const found = fields.get('curvetype');
  if (typeof found !== 'string') return 'it has no curveType field';
  return found.toLowerCase() === curve
    ? undefined
    : `it holds a key of the curve ${found.slice(0, 20)}, not ${curve}`;
}

/** The fields of a JSON object by lower-case name. */
function jsonObject(text: string): Map<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return new Map(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
  } catch {
    return undefined;
  }
}
