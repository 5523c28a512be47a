/** A file system of its own, small enough to be filled: tmpfs, which only root may mount. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  /** Where it is mounted. */
  readonly folder: string;
  /** Takes all the space that is left but for so many bytes. */
  fill(exceptBytes: number): void;
  /** Gives the space back that `fill` took. */
  empty(): void;
  remount(mode: 'ro' | 'rw'): void;
  /** Unmounts it and removes the folder. */
  remove(): void;
}

/**
 * Why nothing can be mounted here; undefined where it can.
 * @throws Error in CI, where the tests that need it must run
 */
export function whyNoSmallDisks(): string | undefined {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-disk-'));
  let reason: string | undefined;
  try {
    smallDisk(folder, 1).remove();
  } catch (error) {
    reason = `no tmpfs can be mounted: ${error instanceof Error ? error.message.trim() : String(error)}`;
    fs.rmSync(folder, { recursive: true, force: true });
  }
  if (reason === undefined) return undefined;
  if (process.env.CI === 'true') throw new Error(`the tests on small disks must run in CI: ${reason}`);
  process.stderr.write(`tests on small disks skipped: ${reason}\n`);
  return reason;
}

/** Mounts over the folder, making it if it is not there. @throws Error when that is not allowed */
export function smallDisk(folder: string, megabytes: number): SmallDisk {
  fs.mkdirSync(folder, { recursive: true });
  const ballast = path.join(folder, 'ballast');
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0750`, 'tmpfs', folder);
  return {
    folder,
    fill(exceptBytes) {
      const { bavail, bsize } = fs.statfsSync(folder);
      run('fallocate', '-l', String(Math.max(bsize, bavail * bsize - exceptBytes)), ballast);
    },
    empty: () => fs.rmSync(ballast, { force: true }),
    remount: (mode) => run('mount', '-o', `remount,${mode}`, folder),
    remove() {
      // Lazily: what a killed process had open there may take a moment to be closed.
      run('umount', '--lazy', folder);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
}
