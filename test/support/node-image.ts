/** deploy/Dockerfile, really built: on a base of this machine's node and the few programs that the file needs. */
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { withTemporaryFolder } from './temporary-folder.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Of the base images that the file names, as far as it uses them. */
const PROGRAMS = [process.execPath, '/bin/sh', '/usr/bin/install', '/bin/ln', '/usr/bin/env'];

/** Builds the target `prebuilt` as the image `tag`, with the executable that `make build` made. */
export async function buildNodeImage(docker: Docker, tag: string): Promise<void> {
  const base = 'ponos-test-base:test';
  await importBase(docker, base);
  const context = { context: ROOT, src: ['deploy/Dockerfile', 'package.json', 'dist/ponos.cjs'] };
  const building = await docker.buildImage(context, {
    t: tag,
    dockerfile: 'deploy/Dockerfile',
    target: 'prebuilt',
    buildargs: { BASE: base },
    networkmode: 'none',
  });
  await finished(docker, building);
}

async function importBase(docker: Docker, tag: string): Promise<void> {
  const libraries = new Set((await Promise.all(PROGRAMS.map(librariesOf))).flat());
  const files = [...PROGRAMS, ...libraries].map((file) => file.slice(1));
  await withTemporaryFolder(async (folder) => {
    fs.mkdirSync(path.join(folder, 'etc'));
    fs.mkdirSync(path.join(folder, 'usr', 'local', 'bin'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'etc', 'passwd'), 'root:x:0:0::/:/bin/sh\n');
    fs.writeFileSync(path.join(folder, 'etc', 'group'), 'root:x:0:\n');
    const tar = spawn('tar', ['--mode=a+rX', '-chf', '-', '-C', '/', ...files, '-C', folder, 'etc', 'usr'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [repo, version] = tag.split(':');
    const changes = [`ENV PATH=/usr/local/bin:${path.dirname(process.execPath)}:/usr/bin:/bin`];
    await finished(docker, await docker.importImage(tar.stdout, { repo, tag: version, changes }));
  });
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return [...stdout.matchAll(/(\/\S+) \(0x[0-9a-f]+\)/g)].map(([, library]) => library ?? '');
}

function finished(docker: Docker, progress: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(progress as Readable, (error, lines) => {
      const [failed] = lines.filter((line) => 'error' in line);
      if (error) reject(error);
      else if (failed !== undefined) reject(new Error(JSON.stringify(lines.slice(-3))));
      else resolve();
    });
  });
}
