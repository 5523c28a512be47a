/** Runs the built executable as a user does: a process, its output, its exit code. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface RunOptions {
  /** The whole environment beside PATH; nothing of ours is inherited. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Default: the one that `make build` made. */
  readonly executable?: string;
  /** Flags of node itself. */
  readonly nodeFlags?: readonly string[];
  /** User and group id; only root may choose. */
  readonly user?: number;
  /** It is killed after this long, and the run fails. */
  readonly limitMs?: number;
}

export interface PonosResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningPonos {
  readonly pid: number;
  /** Standard error so far. */
  log(): string;
  /** Resolves once standard error contains the text; rejects when the process ends before that. */
  logged(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Rejects when the process had to be killed after its limit. */
  readonly ended: Promise<PonosResult>;
}

const LIMIT_MS = 30_000;

/** `dist/ponos.cjs`. @throws Error when it has not been built */
export function builtExecutable(): string {
  const file = fileURLToPath(new URL('../../dist/ponos.cjs', import.meta.url));
  if (!fs.existsSync(file)) throw new Error('dist/ponos.cjs is missing: run `make build` first');
  return file;
}

/** Runs a command to its end. */
export function runPonos(args: readonly string[], options: RunOptions = {}): Promise<PonosResult> {
  return startPonos(args, options).ended;
}

export function startPonos(args: readonly string[], options: RunOptions = {}): RunningPonos {
  const { nodeFlags = [], executable = builtExecutable(), limitMs = LIMIT_MS } = options;
  const child = spawn(process.execPath, [...nodeFlags, executable, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.user !== undefined && { uid: options.user, gid: options.user }),
  });
  const read = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    read.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    read.stderr += text;
    for (const look of waiting) look();
  });
  let tookTooLong = false;
  const timer = setTimeout(() => {
    tookTooLong = true;
    child.kill('SIGKILL');
  }, limitMs);
  const ended = new Promise<PonosResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (tookTooLong)
        reject(new Error(`ponos ${args.join(' ')} did not end within ${limitMs} ms: ${read.stderr}`));
      else resolve({ code: code ?? undefined, ...read });
    });
  });
  // Whoever started it may look at it later.
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ended,
    log: () => read.stderr,
    kill: (signal) => void child.kill(signal),
    logged: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!read.stderr.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        ended.then(
          ({ code }) => reject(new Error(`it ended with code ${code} without "${text}": ${read.stderr}`)),
          reject,
        );
      }),
  };
}
