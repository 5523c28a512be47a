/** The verification worker as the build bundles it, for tests that run before or without a build. */
import path from 'node:path';
import { build } from 'esbuild';

/** CommonJS text of src/aggregator/verify/verify-worker.ts with everything it imports. */
export async function buildVerifyWorker(): Promise<string> {
  const result = await build({
    absWorkingDir: path.join(import.meta.dirname, '..', '..'),
    entryPoints: ['src/aggregator/verify/verify-worker.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    write: false,
    logLevel: 'warning',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error('esbuild made no output');
  return file.text;
}
