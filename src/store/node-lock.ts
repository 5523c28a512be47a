/** One node per role and signing key on a machine: two of them would answer for each other's tasks. */
import { createHash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { makeFolder } from '../base/make-folder.js';
import { acquireProcessLock, type ProcessLock } from './process-lock.js';
import type { StoreRole } from './store-schema.js';

export interface NodeLockOptions {
  readonly role: StoreRole;
  /** The public half of each signing key: address or hex. */
  readonly identities: readonly string[];
  /** Where the lock files are; made if it is not there. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Machines clear their folder of temporary files of what was not touched for some days: systemd-tmpfiles after ten. */
const TOUCH_MS = 24 * 60 * 60 * 1_000;

/**
 * Shared by all nodes of the machine, as the folder of temporary files is. `PONOS_RUNTIME_DIR` sets nodes apart that
 * are to know nothing of others: the local chains of two devnets have the same keys.
 */
export function lockFolder(env: Readonly<Record<string, string | undefined>>): string {
  return env.PONOS_RUNTIME_DIR || path.join(os.tmpdir(), 'ponos-locks');
}

/**
 * Takes one lock for each key. A machine without a writable folder gets a warning instead of locks.
 * @throws PonosError KEY_IN_USE naming the process that has one of the keys in use
 */
export async function acquireNodeLock(options: NodeLockOptions): Promise<ProcessLock> {
  const { role, identities, folder, logger } = options;
  try {
    // Sticky and open to all, like /tmp; the mode given at its making is cut by the umask.
    if (await makeFolder(folder, 0o777)) await chmod(folder, 0o1777);
  } catch (error) {
    logger.warn('lock files cannot be written: a second node with the same key would not be noticed', {
      error,
    });
    return { release: async () => undefined };
  }
  const files: string[] = [];
  const held: ProcessLock[] = [];
  const closing = new AbortController();
  const release = async () => {
    closing.abort();
    for (const lock of held.splice(0)) await lock.release();
  };
  try {
    for (const identity of identities) {
      const name = createHash('sha256').update(identity.toLowerCase()).digest('hex').slice(0, 32);
      const what = `the signing key ${identity.slice(0, 42)} as ${role}`;
      const file = path.join(folder, `${role}-${name}.lock`);
      held.push(await acquireProcessLock(file, what, { isForEveryone: true }));
      files.push(file);
    }
  } catch (error) {
    await release();
    throw keyInUse(error, folder);
  }
  void keepFresh(files, options, closing.signal);
  return { release };
}

/** Touches the files every day until the signal aborts; never rejects. */
async function keepFresh(
  files: readonly string[],
  { clock, logger }: Pick<NodeLockOptions, 'clock' | 'logger'>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(TOUCH_MS, signal).catch(() => undefined); // the loop ends when it was aborted
    if (signal.aborted) return;
    const now = new Date(clock.nowMs());
    for (const file of files) {
      try {
        utimesSync(file, now, now);
      } catch (error) {
        logger.warn(
          'the lock file of a signing key is gone: a second node with the key would not be noticed',
          {
            file,
            error,
          },
        );
      }
    }
  }
}

function keyInUse(error: unknown, folder: string): unknown {
  if (isPonosError(error, 'STORE_LOCKED')) {
    return new PonosError('KEY_IN_USE', {
      message: error.message,
      facts: error.facts,
      advice: 'Stop that process, or give this node signing keys of its own.',
    });
  }
  return new PonosError('FILE_UNWRITABLE', {
    message: 'a lock file for the signing key cannot be written',
    advice: `Remove stale files in ${folder}, or make it writable.`,
    cause: error,
  });
}
