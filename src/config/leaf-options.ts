/** The kinds of single values that configuration files hold. */
import {
  type Address,
  type BlockNumber,
  blockNumber,
  type ChainId,
  chainId,
  parseAddress,
} from '../base/brands.js';
import { Secret } from '../base/secret.js';
import { contractAddress } from './contract-reference.js';
import { type LeafMeta, leaf, type Written } from './option.js';

interface Range {
  readonly min: number;
  readonly max: number;
}

export const text = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string' }, 'text', String);

export const boolean = <const M extends LeafMeta<boolean>>(meta: M) =>
  leaf(meta, { type: 'boolean' }, 'true or false', Boolean);

export const integer = <const M extends LeafMeta<number>>(meta: M, { min, max }: Range) =>
  leaf(
    meta,
    { type: 'integer', minimum: min, maximum: max },
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${min}`
      : `a whole number from ${min} to ${max}`,
    Number,
  );

export const number = <const M extends LeafMeta<number>>(meta: M, { min, max }: Range) =>
  leaf(meta, { type: 'number', minimum: min, maximum: max }, `a number from ${min} to ${max}`, Number);

export const port = <const M extends LeafMeta<number>>(meta: M) =>
  leaf(
    meta,
    { type: 'integer', minimum: 0, maximum: 65_535 },
    'a port from 1 to 65535 (0: any free one)',
    Number,
  );

/** One of a few words; `spellings` are older words for the same. */
export const choice = <const C extends string, const M extends LeafMeta<C>>(
  meta: M,
  choices: readonly C[],
  spellings: Readonly<Record<string, C>> = {},
) =>
  leaf(
    meta,
    { type: 'string', enum: [...choices, ...Object.keys(spellings)] },
    `one of ${choices.join(', ')}`,
    (written): C => spellings[String(written)] ?? (String(written) as C),
  );

export const address = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(
    meta,
    { type: 'string', pattern: '^0[xX][0-9a-fA-F]{40}$' },
    'an address (0x and 40 hex digits)',
    (written): Address => parseAddress(String(written)),
  );

/** A chain id out of those that are known by name. */
export const knownChainId = <const M extends LeafMeta<number>>(meta: M, ids: readonly number[]) =>
  leaf(
    meta,
    { type: 'integer', enum: ids },
    `one of ${ids.join(', ')}`,
    (written): ChainId => chainId(Number(written)),
  );

export const height = <const M extends LeafMeta<number>>(meta: M) =>
  leaf(
    meta,
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    'a block number',
    (written): BlockNumber => blockNumber(Number(written)),
  );

/** A private key: hex, with or without 0x. */
export const privateKey = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(
    meta,
    { type: 'string', pattern: '^(0[xX])?[0-9a-fA-F]{64}$' },
    'a private key (64 hex digits)',
    secret,
    { secret: true },
  );

/** Text that is never printed and in which `${…}` is not replaced. */
export const literalSecret = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string' }, 'text', secret, { secret: true, literal: true });

/** A keystore as JSON text, or written out as a mapping. */
export const inlineKeystore = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', format: 'keystore' }, 'a keystore as JSON text', secret, {
    secret: true,
    jsonText: true,
  });

/** A contract: its address, or JSON text with `name`, `address` and `abiVersions`. */
export const contractReference = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(
    meta,
    { type: 'string', format: 'contract' },
    'an address (0x and 40 hex digits), or JSON text with such an address under "address"',
    (written): Address => parseAddress(contractAddress(String(written)) ?? ''),
    { jsonText: true },
  );

/** A file that must exist by the time it is read. */
export const inputFile = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '.' }, 'a path', String, { inputFile: true });

/** PEM text, or the path of a file with it, which must exist by the time it is read. */
export const pem = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '.' }, 'PEM text or a path', String, { inputFile: true });

/** As `pem`, never printed. */
export const secretPem = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '.' }, 'PEM text or a path', secret, {
    secret: true,
    inputFile: true,
  });

/** A folder or file that is written; relative to the working directory. */
export const outputPath = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '.' }, 'a path', String);

export const httpUrl = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', format: 'http-url' }, 'a URL that begins with http:// or https://', String, {
    url: true,
  });

export const webSocketUrl = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', format: 'ws-url' }, 'a URL that begins with ws:// or wss://', String, {
    url: true,
  });

export const cidr = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', format: 'cidr' }, 'an IP range such as 10.0.0.0/8 or an IP address', String);

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Bytes: a number, or a number with k, m or g (powers of 1024). Resolves to the number of bytes. */
export const size = <const M extends LeafMeta<string | number>>(meta: M) =>
  leaf(
    meta,
    { type: ['string', 'integer'], pattern: '^[0-9]{1,12}([kmgKMG](i?[bB])?)?$', minimum: 1 },
    'a size such as 512m or 2g',
    (written): number => {
      const [, digits = '', unit = ''] = /^(\d+)([kmg]?)/i.exec(String(written)) ?? [];
      return Number(digits) * (UNIT_BYTES[unit.toLowerCase()] ?? 1);
    },
  );

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it; resolves to milliseconds. */
export const duration = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(
    meta,
    { type: 'string', pattern: '^([0-9]{1,9}(ms|s|m|h))+$' },
    'a duration such as 30s or 1m30s',
    (written): number => {
      const parts = [...String(written).matchAll(/(\d+)(ms|s|m|h)/g)];
      return parts.reduce(
        (sum, [, digits = '', unit = '']) => sum + Number(digits) * (UNIT_MS[unit] ?? 0),
        0,
      );
    },
  );

export const imageDigest = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' }, 'sha256: and 64 hex digits', String);

/** The name of an environment variable. */
export const variableName = <const M extends LeafMeta<string>>(meta: M) =>
  leaf(meta, { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_.-]*$' }, 'the name of a variable', String);

function secret(written: Written): Secret {
  return new Secret(String(written));
}
