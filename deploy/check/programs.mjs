/** Other programs: what they print is shown when they fail. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

export const ROOT = path.resolve(import.meta.dirname ?? '.', '..', '..');
const PONOS = path.join(ROOT, 'dist', 'ponos.cjs');

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, input?: string, cwd?: string }} [options] `env` beside that of this process
 * @returns {Promise<string>} its standard output
 * @throws with all that it printed, unless it ends with 0
 */
export async function run(program, args, { env = {}, input, cwd = ROOT } = {}) {
  const running = promisify(execFile)(program, args, {
    cwd,
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(input ?? '');
  try {
    return (await running).stdout.trim();
  } catch (cause) {
    const said = [cause.stdout, cause.stderr].join('\n').trim();
    throw new Error(`${program} ${args.slice(0, 6).join(' ')}: ${said || cause.message}`, { cause });
  }
}

/** The executable of this checkout. */
export const ponos = (...args) => run(process.execPath, [PONOS, ...args]);

/** @returns {Promise<boolean>} whether the program is there and answers */
export const answers = (program, ...args) =>
  run(program, args).then(
    () => true,
    () => false,
  );

/** Asks every half second. */
export async function until(what, within, isSo) {
  for (const giveUpMs = Date.now() + within * 1_000; !(await isSo()); ) {
    if (Date.now() > giveUpMs) throw new Error(`not within ${within} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export function must(holds, sentence) {
  if (!holds) throw new Error(sentence);
}
