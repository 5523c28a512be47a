/** From written values to resolved ones: defaults, branded types, secrets. */
import type { Address } from '../base/brands.js';
import type { Secret } from '../base/secret.js';
import type { Option, Value, Written } from './option.js';

/** Values of which any may be missing, because what was written in its place is wrong. */
export type Partially<T> = T extends string | number | boolean | undefined | Address | Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Partially<Item> | undefined)[]
    : { readonly [K in keyof T]?: Partially<T[K]> };

/**
 * The value of an option, from a written value that has the option's shape. Where a required
 * value is missing it stays undefined; the result is complete when the shape had no problem.
 */
export function resolve<O extends Option>(option: O, written: unknown): Partially<Value<O>> {
  // One cast at the border between schema values and types; the schema vouches for both sides.
  return resolveAny(option, written) as Partially<Value<O>>;
}

function resolveAny(option: Option, written: unknown): unknown {
  switch (option.kind) {
    case 'leaf': {
      const value = written ?? option.default;
      return value === undefined ? undefined : option.read(value as Written);
    }
    case 'list':
      return Array.isArray(written) ? written.map((item) => resolveItem(option.item, item)) : [];
    case 'group': {
      if (written === undefined && option.optional) return undefined;
      const values = new Map(Object.entries(written ?? {}));
      const resolved = Object.entries(option.properties).map(
        ([key, property]) => [key, resolveAny(property, values.get(key))] as const,
      );
      return Object.fromEntries(resolved.filter(([, value]) => value !== undefined));
    }
  }
}

/** An item that was taken out as wrong leaves its place, so that indices stay true. */
function resolveItem(option: Option, written: unknown): unknown {
  return written === undefined ? undefined : resolveAny(option, written);
}
