/** A node of the demo: a separate process of the same executable, its log in a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { Clock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the exit code; -1 after a signal. */
  readonly exited: Promise<number>;
  /** Rejects when the process ends without `stop` having been called. */
  readonly broken: Promise<never>;
  /** Resolves once this process has logged the text. @throws PonosError DEVNET_FAILED when it ends or takes too long */
  waitForLog(text: string, limitMs: number): Promise<void>;
  /** SIGTERM, then SIGKILL after the limit; resolves with the exit code. */
  stop(limitMs: number): Promise<number>;
}

export interface NodeProcessOptions {
  readonly name: string;
  /** The executable (`dist/ponos.cjs`) and its arguments. */
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly clock: Clock;
  readonly env?: NodeJS.ProcessEnv;
}

export function startNode(options: NodeProcessOptions): NodeProcess {
  const { name, clock, logFile } = options;
  const log = fs.openSync(logFile, 'a', 0o600);
  // An earlier run of the node may have left its lines there.
  const start = fs.fstatSync(log).size;
  const child: ChildProcess = spawn(process.execPath, options.argv, {
    stdio: ['ignore', log, log],
    env: options.env ?? process.env,
  });
  fs.closeSync(log);
  let exitCode: number | undefined;
  let endedWith = '';
  const exited = new Promise<number>((resolve) => {
    const end = (code: number) => {
      exitCode ??= code;
      resolve(exitCode);
    };
    child.once('exit', (code, killedBy) => {
      endedWith = killedBy ?? `code ${code}`;
      end(code ?? -1);
    });
    child.once('error', (error) => {
      endedWith = error.message;
      end(-1);
    });
  });
  let stopping = false;
  const broken = exited.then(() => {
    if (stopping) return new Promise<never>(() => undefined);
    throw failure(`${name} ended with ${endedWith} on its own: ${lastLines()}`, logFile);
  });
  // Whoever does not watch it learns of it by `exited`.
  broken.catch(() => undefined);
  const readLog = () => fs.readFileSync(logFile).subarray(start).toString('utf8');
  const lastLines = () => readLog().trim().split('\n').slice(-3).join(' | ');

  return {
    name,
    pid: child.pid ?? 0,
    exited,
    broken,
    async waitForLog(text, limitMs) {
      const deadlineMs = clock.monotonicMs() + limitMs;
      while (!readLog().includes(text)) {
        if (exitCode !== undefined) {
          throw failure(`${name} ended with ${endedWith} instead of starting: ${lastLines()}`, logFile);
        }
        if (clock.monotonicMs() >= deadlineMs) {
          throw failure(`${name} did not say "${text}" within ${limitMs / 1000} s: ${lastLines()}`, logFile);
        }
        await clock.sleep(50);
      }
    },
    async stop(limitMs) {
      stopping = true;
      if (exitCode !== undefined) return exitCode;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}

function failure(message: string, logFile: string): PonosError {
  return new PonosError('DEVNET_FAILED', { message, advice: `Read ${logFile}.` });
}
