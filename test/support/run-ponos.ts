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
  /** Which permissions it takes from the files it makes, unless it narrows them itself; default: ours. */
  readonly umask?: number;
  /** Whether it leads a process group of its own, as what a shell starts in the foreground. */
  readonly leadsGroup?: boolean;
  /** It is killed after this long, and the run fails. */
  readonly limitMs?: number | 'none';
}

export interface PonosResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningPonos {
  readonly pid: number;
  /** Standard output so far. */
  output(): string;
  /** Resolves once standard output contains the text; rejects when the process ends before that. */
  printed(text: string): Promise<void>;
  /** Standard error so far. */
  log(): string;
  /** As `printed`, of standard error. */
  logged(text: string): Promise<void>;
  /** Reads its standard error no more, as a program that keeps logs and has ended. */
  leaveLog(): void;
  kill(signal: NodeJS.Signals): void;
  /** What the terminal does at Ctrl-C: SIGINT to the process and its children, if it leads their group. */
  interrupt(): void;
  /** Rejects when the process had to be killed after its limit. */
  readonly ended: Promise<PonosResult>;
}

const LIMIT_MS = 60_000;

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
  const child = underUmask(options.umask, () =>
    spawn(process.execPath, [...nodeFlags, executable, ...args], {
      cwd: options.cwd,
      env: { PATH: process.env.PATH, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.leadsGroup === true,
      ...(options.user !== undefined && { uid: options.user, gid: options.user }),
    }),
  );
  const read = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      read[stream] += text;
      for (const look of waiting) look();
    });
  }
  let tookTooLong = false;
  const onLimit = () => {
    tookTooLong = true;
    child.kill('SIGKILL');
  };
  const timer = limitMs === 'none' ? undefined : setTimeout(onLimit, limitMs);
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
  const said = (stream: keyof typeof read, text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!read[stream].includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      ended.then(
        ({ code, stdout, stderr }) =>
          reject(new Error(`it ended with code ${code} without "${text}": ${stdout}${stderr}`)),
        reject,
      );
    });
  const pid = child.pid ?? 0;
  return {
    pid,
    ended,
    output: () => read.stdout,
    printed: (text) => said('stdout', text),
    log: () => read.stderr,
    logged: (text) => said('stderr', text),
    leaveLog: () => void child.stderr.destroy(),
    kill: (signal) => void child.kill(signal),
    interrupt: () => void process.kill(options.leadsGroup ? -pid : pid, 'SIGINT'),
  };
}

/** A process has the umask of who starts it. */
function underUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start();
  const own = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(own);
  }
}
