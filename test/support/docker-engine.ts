/** A Docker engine for tests: the one that runs, or one of our own that leaves nothing behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { type SmallDisk, smallDisk } from './small-disk.js';

export interface DockerEngine {
  /** For `new Docker(…)`. */
  readonly options: Docker.DockerOptions;
  readonly docker: Docker;
  /** Undefined for one that was running already. */
  readonly own?: OwnEngine;
  /** Stops what was started here. */
  close(): Promise<void>;
}

/** An engine that belongs to the test, which may do to it what it likes. */
export interface OwnEngine {
  /** Ends it, and resolves when it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again, on what it has left. */
  start(...args: readonly string[]): Promise<void>;
  /** Where images and containers are. */
  readonly disk: SmallDisk;
}

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const DIR_PREFIX = '/tmp/ponos-docker-';
/** In memory: an engine has each step of a container written to its disk, which is most of what it takes. */
const DISK_MEGABYTES = 1_500;
/**
 * One file of tests at a time: two engines would hand out the same addresses on the same bridge, and on one engine each
 * file would find, and clear away, the containers of the others.
 */
const LOCK_DIR = '/tmp/ponos-test-docker.lock';
/** Ends the engine when the test process is gone, however it went: the pipe to it closes. */
const GUARD = 'exec 3<&0; (exec >/dev/null 2>&1; cat <&3; kill -TERM $$) & exec "$@" 3<&- </dev/null';

/**
 * An engine, or the reason why there is none. In CI there must be one: a reason is an error there.
 * `const engine = await dockerEngine(); (engine.available ? describe : describe.skip)(…)`.
 */
export async function dockerEngine(): Promise<
  ({ available: true } & DockerEngine) | { available: false; reason: string; close(): Promise<void> }
> {
  const found = await findOrStart();
  if (typeof found !== 'string') return { available: true, ...found };
  if (process.env.CI === 'true') throw new Error(`the Docker tests must run in CI: ${found}`);
  process.stderr.write(`Docker tests skipped: ${found}\n`);
  return { available: false, reason: found, close: async () => undefined };
}

async function findOrStart(): Promise<DockerEngine | string> {
  const running = new Docker();
  if (await answers(running)) {
    const unlock = await lock();
    return { options: {}, docker: running, close: async () => unlock() };
  }
  if (process.getuid?.() !== 0) return 'no engine answers, and only root can start one';
  if (spawnSync('dockerd', ['--version']).status !== 0)
    return 'no engine answers, and dockerd is not installed';
  return startEngine();
}

async function startEngine(): Promise<DockerEngine | string> {
  const unlock = await lock();
  clearAway();
  // Short: the path of a unix socket may have 107 characters.
  const dir = mkdtempSync(DIR_PREFIX);
  const data = path.join(dir, 'data');
  const disk = smallDisk(data, DISK_MEGABYTES);
  const socketPath = path.join(dir, 'd.sock');
  const docker = new Docker({ socketPath });
  let daemon: Daemon | undefined;

  async function start(...args: readonly string[]): Promise<void> {
    // One that was killed leaves this; where nobody buries the dead, its number seems to be alive.
    rmSync(path.join(dir, 'exec', 'containerd', 'containerd.pid'), { force: true });
    daemon = startDaemon([
      ...['--data-root', data, '--exec-root', path.join(dir, 'exec')],
      ...['--pidfile', path.join(dir, 'pid'), '--host', `unix://${socketPath}`],
      ...args,
    ]);
    const giveUpMs = Date.now() + START_WITHIN_MS;
    while (!(await answers(docker))) {
      if (daemon.child.exitCode !== null || Date.now() > giveUpMs) {
        throw new Error(`dockerd does not start: ${daemon.lastWords()}`);
      }
      await sleep(100);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (daemon !== undefined) await stop(daemon.child, signal);
    daemon = undefined;
  }

  const close = async () => {
    await end('SIGTERM');
    disk.remove();
    removeFolder(dir);
    unlock();
  };
  try {
    await start();
  } catch (error) {
    await close();
    return error instanceof Error ? error.message : String(error);
  }
  return { options: { socketPath }, docker, own: { start, stop: end, disk }, close };
}

interface Daemon {
  readonly child: ChildProcess;
  lastWords(): string;
}

function startDaemon(args: readonly string[]): Daemon {
  const child = spawn('/bin/sh', ['-c', GUARD, 'dockerd', 'dockerd', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const remember = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4000);
  };
  child.stdout.on('data', remember);
  child.stderr.on('data', remember);
  return { child, lastWords: () => output.trim().split('\n').slice(-3).join(' ') };
}

/** What engines have left whose test processes were killed: they are not there, we have the lock. */
function clearAway(): void {
  const parent = path.dirname(DIR_PREFIX);
  const names = readdirSync(parent).filter((name) => name.startsWith(path.basename(DIR_PREFIX)));
  for (const name of names) removeFolder(path.join(parent, name));
}

/** With what an engine that did not end well has left mounted. */
function removeFolder(dir: string): void {
  const folders = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((folder) => folder.startsWith(`${dir}/`));
  for (const folder of folders.reverse()) spawnSync('umount', ['--lazy', folder]);
  rmSync(dir, { recursive: true, force: true });
}

async function answers(docker: Docker): Promise<boolean> {
  try {
    await docker.ping();
    return true;
  } catch {
    return false;
  }
}

async function stop(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode === null && daemon.signalCode === null) {
    const exited = once(daemon, 'exit');
    daemon.kill(signal);
    const killer = setTimeout(() => daemon.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(killer);
  }
  for (const stream of daemon.stdio) stream?.destroy();
}

/** Waits for the turn of this process; a lock whose owner is gone is taken over. */
async function lock(): Promise<() => void> {
  const ownerFile = path.join(LOCK_DIR, 'pid');
  for (;;) {
    try {
      mkdirSync(LOCK_DIR);
      writeFileSync(ownerFile, String(process.pid));
      return () => rmSync(LOCK_DIR, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (ownerIsGone(ownerFile)) rmSync(LOCK_DIR, { recursive: true, force: true });
    await sleep(200);
  }
}

function ownerIsGone(ownerFile: string): boolean {
  if (!existsSync(ownerFile)) return false; // being taken at this moment
  try {
    process.kill(Number(readFileSync(ownerFile, 'utf8')), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
