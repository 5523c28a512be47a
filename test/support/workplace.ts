/** A place where a test runs the built executable: a folder of its own, and a look at what is left running. */
import fs from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { builtExecutable, type PonosResult, type RunningPonos, startPonos } from './run-ponos.js';
import { until } from './until.js';

export interface Workplace {
  readonly folder: string;
  /** For everything that is started: temporary files and locks are in the folder too. */
  readonly env: NodeJS.ProcessEnv;
  start(...args: readonly string[]): RunningPonos;
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<PonosResult>;
  /** As `run`, for commands that are to succeed; gives standard output. */
  succeed(...args: readonly string[]): Promise<string>;
  /** Command lines of the processes that were started here, by any of ours, and still run. */
  leftovers(): string[];
  close(): Promise<void>;
}

/** @param variables added to the environment of everything that is started */
export function openWorkplace(variables: NodeJS.ProcessEnv = {}): Workplace {
  // Before a folder is made for nothing.
  builtExecutable();
  // Nothing here is called after what it holds: a password found in a log is then not a folder's name.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-e2e-'));
  const env = { ...process.env, ...variables, TMPDIR: folder };
  const start = (...args: readonly string[]) => startPonos(args, { env, leadsGroup: true, limitMs: 'none' });
  const run = (...args: readonly string[]) => start(...args).ended;
  return {
    folder,
    env,
    start,
    run,
    async succeed(...args) {
      const { code, stdout, stderr } = await run(...args);
      if (code === 0) return stdout;
      throw new Error(`ponos ${args.join(' ')} ended with code ${code}: ${stderr}`);
    },
    leftovers: () => processesOf(folder).map(({ command }) => command),
    async close() {
      await killProcessesOf(folder);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The processes whose folder of temporary files this is. Performers get little of our environment, but they do get that.
 */
export function processesOf(folder: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const variables = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!variables.includes(`TMPDIR=${folder}`)) continue;
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      found.push({ pid: Number(pid), command });
    } catch (error) {
      // Gone meanwhile, or another user's; a zombie has no environment left.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ESRCH' && code !== 'EACCES') throw error;
    }
  }
  return found;
}

/** Resolves when they are gone; they may also end by themselves. */
export async function killProcessesOf(folder: string): Promise<void> {
  for (const { pid } of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  await until('everything has ended', () => processesOf(folder).length === 0);
}

/** Whether anybody listens at `host:port`. */
export function isListening(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const answer = (listens: boolean) => {
      socket.destroy();
      resolve(listens);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
