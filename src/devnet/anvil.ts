/** Starting and stopping anvil, the local EVM chain. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';

const PACKAGE = 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil';
/** Room for hundreds of certificates in one block. */
const BLOCK_GAS_LIMIT = 500_000_000;
const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;

export interface AnvilOptions {
  readonly binary: string;
  readonly chainId: number;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** How many accounts of the phrase are funded. */
  readonly accounts: number;
  /** The funded accounts are derived from this phrase. */
  readonly mnemonic: string;
  /** Receives everything anvil prints. */
  readonly logFile: string;
  readonly extraArguments?: readonly string[];
}

export interface RunningAnvil {
  readonly pid: number;
  readonly url: string;
}

/**
 * The anvil to run: `PONOS_ANVIL`, else the npm package in a folder at or above one of `startFolders`,
 * else `anvil` of the PATH.
 *
 * @throws PonosError DEVNET_FAILED when there is none
 */
export function findAnvil(
  env: Readonly<Record<string, string | undefined>>,
  startFolders: readonly string[],
): string {
  if (env.PONOS_ANVIL) return env.PONOS_ANVIL;
  const candidates = [
    ...startFolders.flatMap(selfAndParents).map((folder) => path.join(folder, PACKAGE)),
    ...(env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, 'anvil')),
  ];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new PonosError('DEVNET_FAILED', {
    message: 'anvil was not found',
    advice:
      'Run `make deps` in a checkout of ponos, install Foundry, or name the program with PONOS_ANVIL=/path/to/anvil.',
  });
}

function selfAndParents(folder: string): string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...selfAndParents(parent)];
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    // Missing or not executable: the next candidate may do, and none at all is reported by the caller.
    return false;
  }
}

/**
 * Starts anvil in its own session, so that it outlives this process, and waits until it listens.
 *
 * @throws PonosError PORT_IN_USE, DEVNET_FAILED with the last line anvil printed
 */
export async function startAnvil(
  options: AnvilOptions,
  clock: Clock,
  signal?: AbortSignal,
): Promise<RunningAnvil> {
  const log = fs.openSync(options.logFile, 'w', 0o600);
  const child = spawn(
    options.binary,
    [
      ...['--host', '127.0.0.1', '--port', String(options.port)],
      // Blocks come on demand while contracts are placed; SetupChain.mineEvery starts the interval.
      ...['--chain-id', String(options.chainId), '--no-mining', '--order', 'fifo'],
      ...['--mnemonic', options.mnemonic, '--accounts', String(options.accounts)],
      ...['--gas-limit', String(BLOCK_GAS_LIMIT)],
      ...(options.extraArguments ?? []),
    ],
    { detached: true, stdio: ['ignore', log, log] },
  );
  fs.closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, killedBy) => {
    ended ??= `ended with ${killedBy ?? `code ${code}`}`;
  });
  child.unref();

  const deadlineMs = clock.monotonicMs() + START_LIMIT_MS;
  try {
    while (ended === undefined && clock.monotonicMs() < deadlineMs) {
      throwIfAborted(signal);
      const address = /Listening on (127\.0\.0\.1:\d+)/.exec(fs.readFileSync(options.logFile, 'utf8'))?.[1];
      if (address !== undefined && child.pid !== undefined)
        return { pid: child.pid, url: `http://${address}` };
      await clock.sleep(25, signal);
    }
  } catch (error) {
    if (child.pid !== undefined) await stopProcess(child.pid, clock);
    throw error;
  }
  if (child.pid !== undefined) await stopProcess(child.pid, clock);
  throw startFailure(options, ended ?? `said nothing for ${START_LIMIT_MS / 1000} s`);
}

function startFailure(options: AnvilOptions, ended: string): PonosError {
  const lines = fs.readFileSync(options.logFile, 'utf8').trim().split('\n');
  const printed = lines.findLast((line) => line.trim() !== '') ?? '';
  if (/address already in use/i.test(lines.join('\n'))) {
    return new PonosError('PORT_IN_USE', {
      message: `port ${options.port} is taken`,
      facts: { chainId: options.chainId },
      advice:
        'Stop the program that uses it (`ponos devnet down` if it is an older devnet), or choose another port.',
    });
  }
  return new PonosError('DEVNET_FAILED', {
    message: `anvil did not start: ${ended}${printed === '' ? '' : `: ${printed.trim()}`}`,
    facts: { chainId: options.chainId },
    advice: `Read ${options.logFile}.`,
  });
}

/** True while a process with this id runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, under another user. ESRCH: gone.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** True while this anvil runs; the id of one that is gone, as after a reboot, may be anybody's by now. */
export function isAnvilRunning({
  pid,
  chainId,
}: {
  readonly pid: number;
  readonly chainId: number;
}): boolean {
  return isRunning(pid) && (commandLine(pid)?.includes(`--chain-id\0${chainId}\0`) ?? true);
}

/** Program and arguments, each ended by a zero byte; undefined where the system does not tell. */
function commandLine(pid: number): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // Not Linux, or gone meanwhile: then it is not there to be stopped, either.
    return undefined;
  }
}

/** Asks a process to end, then makes it; resolves when it is gone. */
export async function stopProcess(pid: number, clock: Clock): Promise<void> {
  for (const killSignal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isRunning(pid)) return;
    try {
      process.kill(pid, killSignal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const deadlineMs = clock.monotonicMs() + STOP_LIMIT_MS;
    while (isRunning(pid) && clock.monotonicMs() < deadlineMs) await clock.sleep(20);
  }
  if (!isRunning(pid)) return;
  throw new PonosError('DEVNET_FAILED', { message: 'a process could not be stopped', facts: { pid } });
}
