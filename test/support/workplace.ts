/** A place where a test runs the built executable: a folder of its own, and a look at what is left running. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.js';

/** What `node build.mjs` makes. */
export const EXECUTABLE = fileURLToPath(new URL('../../dist/ponos.cjs', import.meta.url));

export interface RunningCommand {
  readonly pid: number;
  /** Standard output so far. */
  output(): string;
  /** Resolves once standard output contains the text; rejects when the command ends before that. */
  printed(text: string): Promise<void>;
  /** What the terminal does at Ctrl-C: SIGINT to the command and its children in the foreground. */
  interrupt(): void;
  readonly ended: Promise<CommandResult>;
}

export interface CommandResult {
  /** -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Workplace {
  readonly folder: string;
  /** For everything that is started: temporary files and locks are in the folder too. */
  readonly env: NodeJS.ProcessEnv;
  start(...args: readonly string[]): RunningCommand;
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<CommandResult>;
  /** As `run`, for commands that are to succeed; gives standard output. */
  succeed(...args: readonly string[]): Promise<string>;
  /** Command lines of the processes that were started here, by any of ours, and still run. */
  leftovers(): string[];
  close(): Promise<void>;
}

/** @param variables added to the environment of everything that is started */
export function openWorkplace(variables: NodeJS.ProcessEnv = {}): Workplace {
  if (!fs.existsSync(EXECUTABLE)) throw new Error('dist/ponos.cjs is missing: run `make build` first');
  // Nothing here is called after what it holds: a password found in a log is then not a folder's name.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-e2e-'));
  const env = { ...process.env, ...variables, TMPDIR: folder };
  const start = (...args: readonly string[]) => startCommand(args, env);
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
      for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
      await until('everything has ended', () => processesOf(folder).length === 0);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startCommand(args: readonly string[], env: NodeJS.ProcessEnv): RunningCommand {
  // Detached: the leader of a process group of its own, as a shell starts a foreground job.
  const child = spawn(process.execPath, [EXECUTABLE, ...args], { env, detached: true });
  const read = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    read.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    read.stderr += text;
  });
  let hasEnded = false;
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      hasEnded = true;
      resolve({ code: code ?? -1, ...read });
    });
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    ended,
    output: () => read.stdout,
    printed: (text) =>
      until(`"${text}" is printed`, () => {
        if (hasEnded && !read.stdout.includes(text))
          throw new Error(`it ended: ${read.stdout}${read.stderr}`);
        return read.stdout.includes(text);
      }),
    interrupt: () => void process.kill(-pid, 'SIGINT'),
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

/** Asks again until it is so: other processes do not tell when they change. @throws after 45 seconds */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 45_000;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`it did not come about that ${what}`);
    await systemClock.sleep(50);
  }
}
