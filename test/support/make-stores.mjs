/**
 * `node test/support/make-stores.mjs`: writes test/fixtures/stores/v<schema version> anew. Folders of earlier versions
 * stay: they are what migrations are tested with.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const outfile = path.join(root, 'dist', 'make-stores.mjs');
await esbuild.build({
  absWorkingDir: root,
  stdin: {
    contents: `
      export { writeFixtureStore } from './test/support/store-fixtures.ts';
      export { SCHEMA_VERSION } from './src/store/store-schema.ts';`,
    resolveDir: root,
  },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  outfile,
  logLevel: 'warning',
});
const { writeFixtureStore, SCHEMA_VERSION } = await import(pathToFileURL(outfile).href);
for (const role of ['aggregator', 'executor']) {
  const dir = path.join(root, 'test', 'fixtures', 'stores', `v${SCHEMA_VERSION}`, role);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await writeFixtureStore(dir, role);
  // LevelDB's own notes, which no store needs.
  for (const name of ['LOG', 'LOG.old', 'LOCK']) await rm(path.join(dir, name), { force: true });
  process.stdout.write(`${dir}\n`);
}
