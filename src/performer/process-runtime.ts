/** Performers as child processes, for development and the demo. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../base/clock.js';
import { throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { freePorts } from '../base/free-ports.js';
import type { Logger } from '../base/logger.js';
import type { OutputLog } from './output-log.js';
import { createOutputTail } from './output-tail.js';
import type { PerformerExit, PerformerInstance, PerformerRuntime, PerformerSpec } from './runtime.js';

/**
 * Runs "$@" in place of the shell, beside a reader of the pipe to us. When we die, however we die,
 * the pipe closes and the reader kills the whole process group: no orphan outlives a kill -9, but for one that has made
 * itself a session of its own.
 */
const GUARD = 'exec 3<&0; (exec >/dev/null 2>&1; cat <&3; kill -KILL 0) & exec "$@" 3<&- </dev/null';

/** What a program needs of our environment to run at all; nothing else is inherited. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** How long output may trail behind the end of the process that wrote it. */
const OUTPUT_GRACE_MS = 1_000;

export interface ProcessRuntimeOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** This program's own environment. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** Gets what performers print. */
  readonly output?: OutputLog;
}

/**
 * Each performer is the leader of a process group of its own and listens on 127.0.0.1, on the port
 * in `PORT` (and `GRPC_PORT`). The operating system offers no limits for a group without privileges:
 * `resources` binds containers only.
 */
export function createProcessRuntime(options: ProcessRuntimeOptions): PerformerRuntime {
  const running = new Set<PerformerInstance>();
  return {
    async deploy(spec, signal, onProgress) {
      throwIfAborted(signal);
      onProgress?.({ step: 'start' });
      // Should someone take the port before the performer listens there, that one ends and is restarted.
      const [port = 0] = await freePorts(1);
      const instance = await launch(spec, port, options);
      running.add(instance);
      void instance.exited.then(() => running.delete(instance));
      if (signal.aborted) await instance.stop(0);
      throwIfAborted(signal);
      return instance;
    },
    // Processes end with the node that started them, however that ends.
    adopt: async () => undefined,
    removeOrphans: async () => undefined,
    async close() {
      await Promise.all([...running].map((instance) => instance.stop(0)));
    },
  };
}

async function launch(
  spec: PerformerSpec,
  port: number,
  { logger, clock, processEnv, output }: ProcessRuntimeOptions,
): Promise<PerformerInstance> {
  if (spec.command.length === 0) {
    throw new PonosError('CONFIG_INVALID', {
      message: 'a performer in deployment mode process needs a command',
      facts: { avs: spec.avs },
      advice: 'Set avsPerformers[].command to the program and its arguments.',
    });
  }
  const child = spawn('/bin/sh', ['-c', GUARD, 'performer', ...spec.command], {
    env: childEnv(spec, port, processEnv),
    detached: true, // a process group of its own
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const pid = await spawned(child);
  const id = `process-${pid}`;
  const { avs } = spec;
  const tail = createOutputTail(logger.child({ avs, performer: id }), spec.env.values(), (line) =>
    output?.write({ avs, performer: id, atMs: clock.nowMs(), line }),
  );
  child.stdout.on('data', tail.write);
  child.stderr.on('data', tail.write);
  // Writing never happens and reading ends with the group; EPIPE on either says nothing new.
  for (const stream of child.stdio) stream?.on('error', () => undefined);

  let hasEnded = false;
  const exited = whenExited(child, pid, clock).then((reason): PerformerExit => {
    tail.end();
    hasEnded = true;
    return { reason, cause: 'performer', lastLines: tail.lines() };
  });
  let stopped: Promise<void> | undefined;
  return {
    id,
    avs,
    endpoint: `127.0.0.1:${port}`,
    exited,
    isSound: () => !hasEnded,
    lastLines: tail.lines,
    stop(graceMs) {
      stopped ??= stopGroup(pid, exited, graceMs, clock);
      return stopped;
    },
  };
}

function childEnv(
  spec: PerformerSpec,
  port: number,
  processEnv: ProcessRuntimeOptions['processEnv'],
): Record<string, string | undefined> {
  return {
    ...Object.fromEntries(INHERITED.map((name) => [name, processEnv[name]])),
    AVS_ADDRESS: spec.avs,
    ...Object.fromEntries([...spec.env].map(([name, value]) => [name, value.reveal()])),
    PORT: String(port),
    GRPC_PORT: String(port),
  };
}

async function spawned(child: ChildProcess): Promise<number> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new PonosError('PERFORMER_UNAVAILABLE', { message: 'cannot start a process', cause: error });
  }
  if (child.pid === undefined)
    throw new PonosError('INTERNAL', { message: 'a spawned process without a pid' });
  return child.pid;
}

/** Resolves with the reason once the process has ended, its group is dead and its output is read. */
async function whenExited(child: ChildProcess, pid: number, clock: Clock): Promise<string> {
  const flushed = once(child, 'close');
  const [code, killedBy] = await once(child, 'exit');
  signalGroup(pid, 'SIGKILL');
  // A descendant that left the group may hold the pipes open for ever; do not wait for it.
  const waiting = new AbortController();
  await Promise.race([flushed, clock.sleep(OUTPUT_GRACE_MS, waiting.signal).catch(() => undefined)]);
  waiting.abort();
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (killedBy !== null) return `killed by ${killedBy}`;
  return code === 127 ? 'exited with code 127 (program not found)' : `exited with code ${code}`;
}

async function stopGroup(
  pid: number,
  exited: Promise<PerformerExit>,
  graceMs: number,
  clock: Clock,
): Promise<void> {
  const waiting = new AbortController();
  void exited.then(() => waiting.abort());
  if (graceMs > 0) {
    signalGroup(pid, 'SIGTERM');
    await clock.sleep(graceMs, waiting.signal).catch(() => undefined);
  }
  if (!waiting.signal.aborted) signalGroup(pid, 'SIGKILL');
  await exited;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: nobody is left. EPERM (macOS): only zombies are left.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
