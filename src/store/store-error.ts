/** What went wrong below the store, in our words. */
import { PonosError } from '../base/error.js';

const DISK_FULL = /ENOSPC|EDQUOT|no space left|quota exceeded/i;
const READ_ONLY = /EROFS|read-only file system/i;

const CAUSES: readonly {
  readonly sign: RegExp;
  readonly what: string;
  readonly advice: string;
}[] = [
  {
    sign: DISK_FULL,
    what: 'the disk is full',
    advice: 'Free some space; a running node goes on by itself then. Nothing it acknowledged is lost.',
  },
  {
    sign: READ_ONLY,
    what: 'the file system is read-only',
    advice: 'Mount it writable, or set another storage directory.',
  },
  {
    sign: /EACCES|EPERM|permission denied|not permitted/i,
    what: 'permission is denied',
    advice: 'Give the directory to the user that runs the node, or set another one.',
  },
  {
    sign: /EMFILE|ENFILE|too many open files/i,
    what: 'too many files are open',
    advice: 'Raise the limit of open files.',
  },
  {
    sign: /ENOTDIR|EEXIST|not a directory/i,
    what: 'a file is in the way of the directory',
    advice: 'Set another storage directory.',
  },
];

/** Turns an error of LevelDB or the file system into a PonosError that names the directory. */
export function storeError(error: unknown, dir: string): PonosError {
  if (error instanceof PonosError) return error;
  const chain = describeChain(error);
  if (chain.includes('LEVEL_LOCKED')) {
    return new PonosError('STORE_LOCKED', {
      message: 'another process uses the storage directory',
      facts: { dir },
      advice: 'Stop that process, or set another storage directory.',
      cause: error,
    });
  }
  if (/LEVEL_CORRUPTION|Corruption:/.test(chain)) {
    return new PonosError('STORE_CORRUPT', {
      message: 'the database is damaged',
      facts: { dir },
      advice: 'Stop the node; `ponos storage verify` says what is damaged and what to do about it.',
      cause: error,
    });
  }
  // A database that could not be opened anew says that it is not open, too, and why.
  if (
    /LEVEL_DATABASE_NOT_OPEN|LEVEL_ITERATOR_NOT_OPEN/.test(chain) &&
    !/IO error|Invalid argument/.test(chain)
  ) {
    return new PonosError('STORE_UNAVAILABLE', {
      message: 'the store is closed',
      facts: { dir },
      cause: error,
    });
  }
  const known = CAUSES.find(({ sign }) => sign.test(chain));
  return new PonosError('STORE_UNAVAILABLE', {
    message: `the store cannot be used: ${known?.what ?? 'its files cannot be read or written'}`,
    facts: { dir },
    advice: known?.advice ?? 'See the cause; restart the node when it is mended.',
    cause: error,
  });
}

/** Whether nothing can be written there: the disk is full, or the file system read-only. Nothing is wrong with the store then. */
export function cannotWrite(error: unknown): boolean {
  const chain = describeChain(error);
  return [DISK_FULL, READ_ONLY].some((sign) => sign.test(chain));
}

/** Codes and messages of an error and its causes; by shape, since native errors may be of another realm. */
function describeChain(error: unknown): string {
  const parts: string[] = [];
  let current = error;
  while (typeof current === 'object' && current !== null && parts.length < 10) {
    if ('code' in current) parts.push(String(current.code));
    if ('message' in current) parts.push(String(current.message));
    current = 'cause' in current ? current.cause : undefined;
  }
  return parts.join(' ');
}
