/** Programs for performer tests as single files, as `node build.mjs` makes them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Bundle {
  readonly path: string;
  remove(): void;
}

/** @param entry path from the top of the repository */
export async function bundle(entry: string): Promise<Bundle> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const dir = mkdtempSync(path.join(tmpdir(), 'ponos-bundle-'));
  const outfile = path.join(dir, 'performer.cjs');
  await build({
    entryPoints: [path.join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // Optional native parts; whoever asks for them can do without.
    external: ['cpu-features', '*.node'],
    logLevel: 'error',
  });
  return { path: outfile, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
