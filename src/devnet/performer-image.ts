/** An image of the example performer without any registry: this very node, its libraries, one script. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { explain, PonosError } from '../base/error.js';

/** Says what an image was made from, so that it is made once. */
const SOURCE_LABEL = 'ponos.source';

export interface PerformerImageOptions {
  readonly docker: Docker;
  /** The performer as one script that needs nothing but node. */
  readonly bundlePath: string;
  /** `repository:tag` */
  readonly tag: string;
}

/**
 * Makes sure that the image exists and is made of this bundle and this version of node.
 * @throws PonosError DEVNET_FAILED where node is no dynamically linked Linux program, or without tar
 */
export async function buildPerformerImage({ docker, bundlePath, tag }: PerformerImageOptions): Promise<void> {
  try {
    const source = createHash('sha256')
      .update(await readFile(bundlePath))
      .update(`${process.version} ${process.arch}`)
      .digest('hex');
    if ((await sourceOf(docker, tag)) === source) return;
    const [repository = tag, version = 'latest'] = tag.split(':');
    await importTree(docker, await treeOf(bundlePath), {
      repo: repository,
      tag: version,
      changes: [
        `LABEL ${SOURCE_LABEL}=${source}`,
        'ENV HOST=0.0.0.0 PORT=8080',
        'EXPOSE 8080',
        'USER 65534:65534',
        `ENTRYPOINT ${JSON.stringify([process.execPath, `/${path.basename(bundlePath)}`])}`,
      ],
    });
  } catch (error) {
    throw new PonosError('DEVNET_FAILED', {
      message: `cannot make the image ${tag} of the example performer`,
      facts: { reason: explain(error) },
      advice: 'On Linux, install tar; elsewhere run `docker build` in examples/performer.',
      cause: error,
    });
  }
}

async function sourceOf(docker: Docker, tag: string): Promise<string | undefined> {
  const images = await docker.listImages({ filters: { reference: [tag] } });
  return images[0]?.Labels?.[SOURCE_LABEL];
}

interface Tree {
  /** Absolute paths, kept in the image. */
  readonly system: readonly string[];
  /** Put into the image's root folder. */
  readonly bundlePath: string;
}

/** node, and the shared libraries that the dynamic linker lists for it. */
async function treeOf(bundlePath: string): Promise<Tree> {
  const { stdout } = await promisify(execFile)('ldd', [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x[0-9a-f]+\)/g)].map((match) => match[1] ?? '');
  return { system: [process.execPath, ...libraries], bundlePath };
}

/** Streams the files as a tar archive (links followed) into a new image of one layer. */
async function importTree(
  docker: Docker,
  { system, bundlePath }: Tree,
  options: { repo: string; tag: string; changes: readonly string[] },
): Promise<void> {
  const relative = system.map((file) => file.slice(1));
  const tar = spawn(
    'tar',
    [
      // Readable by the container's user, whatever umask the bundle was built under.
      '--mode=a+rX',
      '-chf',
      '-',
      '-C',
      '/',
      ...relative,
      '-C',
      path.dirname(path.resolve(bundlePath)),
      path.basename(bundlePath),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const complaints: Buffer[] = [];
  tar.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  const packed = new Promise<void>((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(`tar ended with code ${code}: ${Buffer.concat(complaints).toString('utf8').trim()}`),
        );
    });
  });
  const imported = docker.importImage(tar.stdout, { ...options }).then(
    (progress) =>
      new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
      }),
  );
  await Promise.all([packed, imported]);
}
