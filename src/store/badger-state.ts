/** What a Go node has left in the folder of `storage.badger`, and whether one has run there since this node last did. */
import { open, readdir, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from '../base/error.js';
import { holdsDatabase } from './store-copy.js';
import { storeError } from './store-error.js';

/** Beside our database, so that it goes where that goes. */
const NOTE_FILE = 'ponos.badger';

/** Names that Badger gives its files; LevelDB's differ (`MANIFEST-000001`). */
const BADGER_FILE = /^(MANIFEST|KEYREGISTRY|DISCARD|.*\.(vlog|sst|mem))$/;

/** Sizes by name. A node that writes makes files with new numbers or longer ones; times would change by a copy, too. */
type BadgerFiles = Readonly<Record<string, number>>;

export interface BadgerState {
  /** Whether a Go node has run since our store was begun, and the start is to go on all the same. */
  readonly isNewer: boolean;
  /** Writes down what is there, once our store is open. @throws PonosError STORE_UNAVAILABLE */
  remember(): Promise<void>;
}

/**
 * @param place of our store, a folder in Badger's. Once there is a database, beginning anew was accepted, and a restart
 * is to go on with it; but not behind a Go node's back, which may have signed meanwhile.
 * @throws PonosError STORE_MISMATCH unless it is accepted, STORE_UNAVAILABLE
 */
export async function checkBadgerState(place: string, isAccepted: boolean): Promise<BadgerState> {
  const dir = path.dirname(place);
  try {
    const files = await badgerFiles(dir);
    const isBegun = await holdsDatabase(place);
    const known = isBegun ? await readNote(place) : undefined;
    // Ours from before there was a note: nothing can be told of it, so it begins now.
    const found = Object.keys(files).find((name) => (isBegun ? isNew(name, files, known) : true));
    if (found !== undefined && !isAccepted) throw refusal(isBegun, { dir, found });
    return {
      isNewer: isBegun && found !== undefined,
      async remember() {
        if (known === undefined || found !== undefined) await writeNote(place, files);
      },
    };
  } catch (error) {
    throw storeError(error, dir);
  }
}

/** Files that are gone are no sign of a Go node: somebody has made room. */
function isNew(name: string, files: BadgerFiles, known: BadgerFiles | undefined): boolean {
  return known !== undefined && known[name] !== files[name];
}

function refusal(isBegun: boolean, facts: { dir: string; found: string }): PonosError {
  if (!isBegun) {
    return new PonosError('STORE_MISMATCH', {
      message: 'the storage directory holds the state of a Go node, which ponos does not read',
      facts,
      advice:
        'Start with --accept-fresh-state to begin anew (cursor and answered tasks), or set another directory.',
    });
  }
  return new PonosError('STORE_MISMATCH', {
    message: 'a Go node has run in the storage directory since ponos did, and what it has done is not known',
    facts,
    advice:
      'Stop it; when the last of its tasks has expired, start once with --accept-fresh-state to go on with the store of ponos.',
  });
}

async function badgerFiles(dir: string): Promise<BadgerFiles> {
  const names = await readdir(dir).catch(orNothing);
  const found = (names ?? []).filter((name) => BADGER_FILE.test(name)).sort();
  return Object.fromEntries(
    await Promise.all(found.map(async (name) => [name, (await stat(path.join(dir, name))).size] as const)),
  );
}

/** Undefined when there is none, or none that can be read as one. */
async function readNote(place: string): Promise<BadgerFiles | undefined> {
  const text = await readFile(path.join(place, NOTE_FILE), 'utf8').catch(orNothing);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Under another name first: a full disk must not leave half of it. */
async function writeNote(place: string, files: BadgerFiles): Promise<void> {
  const file = path.join(place, NOTE_FILE);
  try {
    const handle = await open(`${file}.part`, 'w', 0o640);
    try {
      await handle.writeFile(`${JSON.stringify(files)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.part`, file);
  } catch (error) {
    throw storeError(error, place);
  }
}

function orNothing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
