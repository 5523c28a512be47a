/**
 * Loads a native addon that travels inside the executable as text. The addon is written to a
 * private folder once, under the name of its hash, and opened from there.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { PonosError } from '../base/error.js';

/** One addon file: SHA-256 of its bytes in hex, and the bytes as brotli in base64. */
export interface EmbeddedAddon {
  readonly sha256: string;
  readonly brotliBase64: string;
}

/** What the loader needs of the machine; tests pass their own. */
export interface AddonHost {
  /** `<platform>-<arch>` with `-musl` behind it where libc is musl. */
  readonly platform: string;
  /** Folders to try, best first. */
  readonly folders: readonly string[];
  readonly userId: number | undefined;
  open(file: string): unknown;
}

/**
 * The loader that build.mjs puts in place of the addon's own.
 *
 * @param platforms index into `files` by platform name
 * @throws PonosError FILE_UNWRITABLE when no folder can hold and run the addon
 */
export function loadNativeAddon(
  name: string,
  platforms: Readonly<Record<string, number>>,
  files: readonly EmbeddedAddon[],
  host: AddonHost = thisMachine(),
): unknown {
  const addon = files[platforms[host.platform] ?? -1];
  if (addon === undefined) {
    throw new PonosError('NOT_BUILT_YET', {
      message: `this executable has no ${name} for ${host.platform}`,
      facts: { available: Object.keys(platforms).join(' ') },
      advice: 'Use storage type memory, or run on one of the available platforms.',
    });
  }
  const failures: string[] = [];
  for (const folder of host.folders) {
    try {
      return host.open(placeAddon(folder, name, addon, host.userId));
    } catch (error) {
      if (!isFolderProblem(error)) throw error;
      failures.push(`${folder}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  throw new PonosError('FILE_UNWRITABLE', {
    message: `no folder can hold the ${name} library (${failures.join('; ')})`,
    advice: 'Set PONOS_CACHE_DIR to a folder that this user can write to and that is not mounted noexec.',
  });
}

/** Writes the addon unless it is there already, untouched; returns its path. */
function placeAddon(folder: string, name: string, addon: EmbeddedAddon, userId: number | undefined): string {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = fs.lstatSync(folder);
  // Somebody else who can write here could swap the library for theirs between check and load.
  if (
    !status.isDirectory() ||
    (userId !== undefined && status.uid !== userId) ||
    (status.mode & 0o022) !== 0
  ) {
    throw Object.assign(new Error('not a private folder of this user'), { code: 'EACCES' });
  }
  const file = path.join(folder, `${name}-${addon.sha256}.node`);
  if (isIntact(file, addon.sha256, userId)) return file;
  const bytes = brotliDecompressSync(Buffer.from(addon.brotliBase64, 'base64'));
  const temporary = `${file}.${process.pid}.${process.hrtime.bigint()}.tmp`;
  try {
    fs.writeFileSync(temporary, bytes, { mode: 0o500, flag: 'wx' });
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  return file;
}

function isIntact(file: string, sha256: string, userId: number | undefined): boolean {
  try {
    const status = fs.lstatSync(file);
    if (!status.isFile() || (userId !== undefined && status.uid !== userId)) return false;
    return createHash('sha256').update(fs.readFileSync(file)).digest('hex') === sha256;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Read-only, forbidden, full or noexec places: the next folder may do. */
function isFolderProblem(error: unknown): boolean {
  const codes = [
    'EROFS',
    'EACCES',
    'EPERM',
    'ENOENT',
    'EEXIST',
    'ENOTDIR',
    'ENOSPC',
    'EDQUOT',
    'ERR_DLOPEN_FAILED',
  ];
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function thisMachine(): AddonHost {
  const libc = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  const musl = process.platform === 'linux' && libc?.glibcVersionRuntime === undefined ? '-musl' : '';
  return {
    platform: `${process.platform}-${process.arch}${musl}`,
    folders: addonFolders(process.env, os.tmpdir()),
    userId: process.getuid?.(),
    open: (file) => {
      const loaded = { exports: {} };
      process.dlopen(loaded, file);
      return loaded.exports;
    },
  };
}

/**
 * Where the addon may live, best first. `PONOS_DATA_DIR` is set by the store that is about to be
 * opened: a data folder is writable where nothing else may be, as in a read-only container.
 */
export function addonFolders(env: Readonly<Record<string, string | undefined>>, temporary: string): string[] {
  const under = (parent: string | undefined, ...names: string[]) =>
    parent === undefined || parent === '' ? [] : [path.join(parent, ...names)];
  return [
    ...under(env.PONOS_CACHE_DIR),
    ...under(env.PONOS_DATA_DIR, '.lib'),
    ...under(env.XDG_CACHE_HOME, 'ponos'),
    ...under(env.HOME, '.cache', 'ponos'),
    ...under(env.XDG_RUNTIME_DIR, 'ponos'),
    path.join(temporary, `ponos-${process.getuid?.() ?? 'user'}`),
    path.join('/dev/shm', `ponos-${process.getuid?.() ?? 'user'}`),
  ];
}
