/**
 * `npm run bench [-- name …]`: bundles the benchmarks and runs them. Prints a table per benchmark and
 * writes all figures to dist/bench.json.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const outfile = path.join(root, 'dist', 'bench', 'main.mjs');
await esbuild.build({
  absWorkingDir: root,
  entryPoints: ['test/bench/main.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  outfile,
  logLevel: 'warning',
});
// The devnet looks for it beside the program that runs.
fs.copyFileSync(
  path.join(root, 'dist', 'example-performer.cjs'),
  path.join(root, 'dist', 'bench', 'example-performer.cjs'),
);
const { status } = spawnSync(process.execPath, ['--no-warnings', outfile, ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
});
process.exit(status ?? 1);
