/** Relative paths of files that are read: the working directory first, then the folder of the configuration. */
import { access } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { Secret } from '../base/secret.js';
import { isPem } from '../base/tls-material.js';
import type { Option } from './option.js';

/** Replaces, in a resolved configuration, each path of a file to read by the place where the file is. */
export async function locateInputFiles<T>(values: T, schema: Option, configFile: string): Promise<T> {
  // The shape does not change, only texts in it.
  return (await locate(values, schema, dirname(resolve(configFile)))) as T;
}

async function locate(value: unknown, option: Option, folder: string): Promise<unknown> {
  if (value === undefined) return undefined;
  if (option.kind === 'leaf') {
    if (!option.inputFile) return value;
    if (value instanceof Secret) return new Secret(await locateFile(String(value.reveal()), folder));
    return typeof value === 'string' ? locateFile(value, folder) : value;
  }
  if (option.kind === 'list') {
    return Array.isArray(value) ? Promise.all(value.map((item) => locate(item, option.item, folder))) : value;
  }
  const entries = Object.entries(value ?? {}).map(async ([key, inner]) => {
    const property = option.properties[key];
    return [key, property === undefined ? inner : await locate(inner, property, folder)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function locateFile(path: string, folder: string): Promise<string> {
  // Some options take the text itself in the place of a path.
  if (isPem(path)) return path;
  const here = resolve(path);
  if (isAbsolute(path) || (await exists(here))) return here;
  const beside = resolve(folder, path);
  return (await exists(beside)) ? beside : here;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
