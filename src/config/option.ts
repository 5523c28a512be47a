/**
 * One declaration per configuration key. From it come the TypeScript type, the default, the
 * validation (as JSON Schema), the flag, the environment name, the help line, the row of the
 * reference and the line of the starter file.
 */

declare const typeOf: unique symbol;

/** Carries the type of the resolved value (wrapped, so that `undefined` is kept); absent at run time. */
interface Typed<T> {
  readonly [typeOf]?: { readonly value: T };
}

/** What a file, a flag or the environment can hold in one place. */
export type Written = string | number | boolean;

/** The standard JSON Schema keywords that a leaf uses. */
export interface LeafSchema {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | readonly ('string' | 'integer')[];
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: readonly Written[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface LeafOption<T = unknown> extends Typed<T> {
  readonly kind: 'leaf';
  /** What the key means: sentences for the reference and the starter file. */
  readonly doc: string;
  readonly schema: LeafSchema;
  /** What is allowed, for the reader of an error: "an address (0x and 40 hex digits)". */
  readonly expected: string;
  readonly default: Written | undefined;
  readonly required: boolean;
  /** Long flag without dashes; the environment name is derived from it. */
  readonly flag: string | undefined;
  /** Shown as an active line in the starter file. */
  readonly example: Written | undefined;
  /** An environment variable that the starter file puts in the key's place. */
  readonly exampleVariable: string | undefined;
  /** Left out of the starter file: accepted from existing files, or rarely wanted. */
  readonly omitFromStarter: boolean;
  /** Never printed. */
  readonly secret: boolean;
  /** Taken as it stands: `${…}` is not replaced. */
  readonly literal: boolean;
  /** A mapping written in its place is taken as its JSON text. */
  readonly jsonText: boolean;
  /** A file that is read: a relative path is looked up in the working directory, then beside the file. */
  readonly inputFile: boolean;
  /** A URL whose path or user may hold an access key. */
  readonly url: boolean;
  /** Turns a valid written value into the resolved one. */
  readonly read: (written: Written) => T;
}

export interface GroupOption<T = unknown> extends Typed<T> {
  readonly kind: 'group';
  readonly doc: string;
  readonly properties: Readonly<Record<string, Option>>;
  /** Absent stays absent; otherwise an absent group is one with all defaults. */
  readonly optional: boolean;
  /** Its key without a value is a mistake: what it says by being there is too grave to be overheard. */
  readonly needsValue: boolean;
  /** Other spellings of keys → the key they stand for. */
  readonly aliases: Readonly<Record<string, string>>;
  /** A key whose value, when it is a mapping with this group's own keys, is read as part of the group. */
  readonly hoist: string | undefined;
  readonly omitFromStarter: boolean;
}

export interface ListOption<T = unknown> extends Typed<T> {
  readonly kind: 'list';
  readonly doc: string;
  readonly item: Option;
  /** At least one item. */
  readonly required: boolean;
  /** In the starter file: these items, or one item made of its own examples. */
  readonly example: readonly Written[] | 'item' | undefined;
}

export type Option<T = unknown> = LeafOption<T> | GroupOption<T> | ListOption<T>;

/** The type of an option's resolved value. */
export type Value<O> = O extends Typed<infer T> ? T : never;

type Properties = Readonly<Record<string, Option>>;
type Flatten<T> = { readonly [K in keyof T]: T[K] };
type OptionalKeys<P extends Properties> = {
  [K in keyof P]: undefined extends Value<P[K]> ? K : never;
}[keyof P];
type GroupValue<P extends Properties> = Flatten<
  { [K in Exclude<keyof P, OptionalKeys<P>>]: Value<P[K]> } & {
    [K in OptionalKeys<P>]?: Exclude<Value<P[K]>, undefined>;
  }
>;

/** What every leaf may say about itself. */
export interface LeafMeta<W extends Written = Written> {
  readonly doc: string;
  readonly default?: W;
  readonly required?: true;
  readonly flag?: string;
  readonly example?: Written;
  readonly exampleVariable?: string;
  readonly omitFromStarter?: true;
}

interface LeafTraits {
  readonly secret?: boolean;
  readonly literal?: boolean;
  readonly jsonText?: boolean;
  readonly inputFile?: boolean;
  readonly url?: boolean;
}

/** A key with a default or one that must be there has a value; any other may be absent. */
type Present<T, M> = M extends { required: true } | { default: Written } ? T : T | undefined;

/** The general leaf; the named kinds of `leaf-options.ts` are made of it. */
export function leaf<T, const M extends LeafMeta>(
  meta: M,
  schema: LeafSchema,
  expected: string,
  read: (written: Written) => T,
  traits: LeafTraits = {},
): LeafOption<Present<T, M>> {
  return {
    kind: 'leaf',
    doc: meta.doc,
    schema,
    expected,
    default: meta.default,
    required: meta.required ?? false,
    flag: meta.flag,
    example: meta.example,
    exampleVariable: meta.exampleVariable,
    omitFromStarter: meta.omitFromStarter ?? false,
    secret: traits.secret ?? false,
    literal: traits.literal ?? false,
    jsonText: traits.jsonText ?? false,
    inputFile: traits.inputFile ?? false,
    url: traits.url ?? false,
    read: read as (written: Written) => Present<T, M>,
  };
}

interface GroupMeta {
  readonly doc: string;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly hoist?: string;
  readonly needsValue?: true;
  readonly omitFromStarter?: true;
}

/** A mapping that is always there, with its defaults. */
export function group<const P extends Properties>(
  meta: GroupMeta,
  properties: P,
): GroupOption<GroupValue<P>> {
  return {
    kind: 'group',
    doc: meta.doc,
    properties,
    optional: false,
    needsValue: meta.needsValue ?? false,
    aliases: meta.aliases ?? {},
    hoist: meta.hoist,
    omitFromStarter: meta.omitFromStarter ?? false,
  };
}

/** A mapping that is only there when it is written. */
export function optionalGroup<const P extends Properties>(
  meta: GroupMeta,
  properties: P,
): GroupOption<GroupValue<P> | undefined> {
  return { ...group(meta, properties), optional: true };
}

/** A list; absent is empty. */
export function list<O extends Option>(
  meta: { readonly doc: string; readonly required?: true; readonly example?: readonly Written[] | 'item' },
  item: O,
): ListOption<readonly Exclude<Value<O>, undefined>[]> {
  return {
    kind: 'list',
    doc: meta.doc,
    item,
    required: meta.required ?? false,
    example: meta.example,
  };
}
