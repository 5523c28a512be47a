/** A file that says which process uses a directory or a key. */
import { chmod, link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { PonosError } from '../base/error.js';

export interface ProcessLock {
  release(): Promise<void>;
}

export interface ProcessLockOptions {
  /** Whether processes of other users are to read who holds it, whatever our umask. */
  readonly isForEveryone?: boolean;
}

interface Holder {
  readonly pid: number;
  /** Start of that process in clock ticks since boot, where the system tells; pids are reused, in containers at once. */
  readonly startTicks?: string;
}

/**
 * Takes the lock by creating `file`. A file left behind by a process that is gone is replaced.
 * @param what for the message: what the holder uses
 * @throws PonosError STORE_LOCKED naming the process, this one included; foreign errors of the file system
 */
export async function acquireProcessLock(
  file: string,
  what: string,
  { isForEveryone = false }: ProcessLockOptions = {},
): Promise<ProcessLock> {
  const own: Holder = { pid: process.pid, startTicks: (await processStat(process.pid))?.startTicks };
  // Three rounds: somebody else may take over, or give up, the file that was just looked at.
  for (let round = 0; round < 3; round++) {
    if (await createWhole(file, JSON.stringify(own), isForEveryone))
      return { release: () => unlink(file).catch(ignoreMissing) };
    const text = await readIfThere(file);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && (await isAlive(holder))) throw lockedError(file, what, holder.pid);
    await setAside(file, text);
  }
  throw lockedError(file, what, undefined);
}

function lockedError(file: string, what: string, pid: number | undefined): PonosError {
  const who = pid === process.pid ? 'this process' : 'another process';
  return new PonosError('STORE_LOCKED', {
    message: `${who} uses ${what}`,
    facts: { pid, lock: file },
    advice: 'Stop that process, or give this one another directory.',
  });
}

/** Creates the file with its content in one step; false if there is one already. */
async function createWhole(file: string, content: string, isForEveryone: boolean): Promise<boolean> {
  const draft = draftOf(file);
  try {
    // A full disk makes the file and refuses its content; a node that is started over and over would leave one each time.
    await writeFile(draft, content, { mode: 0o640 });
    if (isForEveryone) await chmod(draft, 0o644);
    await link(draft, file);
    return true;
  } catch (error) {
    if (isFileError(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(draft).catch(ignoreMissing);
  }
}

/** Removes the file if it is still the abandoned one, and not that of a process that was faster. */
async function setAside(file: string, abandoned: string): Promise<void> {
  const aside = draftOf(file);
  try {
    await rename(file, aside);
  } catch (error) {
    return ignoreMissing(error);
  }
  if ((await readIfThere(aside)) !== abandoned) await link(aside, file);
  await unlink(aside);
}

function draftOf(file: string): string {
  return `${file}.${process.pid}.${process.hrtime.bigint()}`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

/** Undefined for a file that is not ours or was cut off by a crash. */
function parseHolder(text: string): Holder | undefined {
  const match = /^\{"pid":(\d{1,10})(?:,"startTicks":"(\d+)")?\}$/.exec(text);
  return match ? { pid: Number(match[1]), startTicks: match[2] } : undefined;
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    if (isFileError(error, 'ESRCH')) return false;
  }
  const found = await processStat(holder.pid);
  if (found === undefined) return true;
  // A zombie holds nothing any more; it only waits for a parent that may never ask for its exit code.
  if (found.state === 'Z' || found.state === 'X') return false;
  return holder.startTicks === undefined || found.startTicks === holder.startTicks;
}

interface ProcessStat {
  /** One letter, as in ps. */
  readonly state: string;
  readonly startTicks: string;
}

/** Fields 3 and 22 of /proc/<pid>/stat (proc(5)); undefined on systems without it. */
async function processStat(pid: number): Promise<ProcessStat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field, the name, is in brackets and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state && startTicks ? { state, startTicks } : undefined;
}

function ignoreMissing(error: unknown): void {
  if (!isFileError(error, 'ENOENT')) throw error;
}

function isFileError(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
