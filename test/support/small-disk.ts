/** A file system of its own, small enough to be filled: tmpfs, which only root may mount. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  /** Where it is mounted. */
  readonly folder: string;
  /** Takes all the space that is left but for so many bytes; called again, also what has become free since. */
  fill(exceptBytes: number): void;
  /** Gives the space back that `fill` took. */
  empty(): void;
  remount(mode: 'ro' | 'rw'): void;
  /** Unmounts it and removes the folder. */
  remove(): void;
}

/**
 * Why there can be no small disk here; undefined where there can.
 * @throws Error in CI, where the tests that need it must run
 */
export const whyNoSmallDisks = () => whyNot('small disks', (folder) => smallDisk(folder, 1));

/** The same of fragile ones. */
export const whyNoFragileDisks = () => whyNot('fragile disks', (folder) => fragileDisk(folder, 16));

function whyNot(what: string, make: (folder: string) => { remove(): void }): string | undefined {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-disk-'));
  let reason: string | undefined;
  try {
    make(path.join(parent, 'disk')).remove();
  } catch (error) {
    reason = error instanceof Error ? error.message.trim() : String(error);
  }
  fs.rmSync(parent, { recursive: true, force: true });
  if (reason === undefined) return undefined;
  if (process.env.CI === 'true') throw new Error(`the tests on ${what} must run in CI: ${reason}`);
  process.stderr.write(`tests on ${what} skipped: ${reason}\n`);
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
      const taken = fs.statSync(ballast, { throwIfNoEntry: false })?.size ?? 0;
      const more = bavail * bsize - exceptBytes;
      if (more > 0) run('fallocate', '-l', String(taken + more), ballast);
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

/** A file system that can be made to turn read-only under those who write to it, as ext4 does at an error of its disk. */
export interface FragileDisk {
  readonly folder: string;
  /** As an error of the disk: what is open stays open, and no write succeeds any more. */
  breakIt(): void;
  /** Checks and mounts it again; nothing may be open there. */
  mend(): void;
  remove(): void;
}

/** Makes and mounts it. @throws Error where there are no loop devices or no ext4 */
export function fragileDisk(folder: string, megabytes: number): FragileDisk {
  const image = `${folder}.img`;
  fs.mkdirSync(folder, { recursive: true });
  run('truncate', '-s', `${megabytes}M`, image);
  run('mkfs.ext4', '-q', '-F', image);
  const mount = () => run('mount', '-o', 'loop,errors=remount-ro', image, folder);
  mount();
  return {
    folder,
    breakIt() {
      const mounts = fs.readFileSync('/proc/mounts', 'utf8').split('\n');
      const [device = ''] = mounts.find((line) => line.split(' ')[1] === folder)?.split(' ') ?? [];
      fs.writeFileSync(`/sys/fs/ext4/${path.basename(device)}/trigger_fs_error`, 'made by a test');
    },
    mend() {
      // What a killed process had open there may take a moment to be closed.
      run(
        'sh',
        '-c',
        'for i in $(seq 49); do umount "$0" 2>/dev/null && exit; sleep 0.2; done; umount "$0"',
        folder,
      );
      // It ends with 1 when it has mended something.
      execFileSync('sh', ['-c', `fsck.ext4 -fy ${image} || [ $? -eq 1 ]`], { stdio: 'ignore' });
      mount();
    },
    remove() {
      run('umount', '--lazy', folder);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
