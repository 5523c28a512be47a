#!/usr/bin/env node
/** The launcher behind package.json's "bin": runs the built executable of this checkout. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const executable = fileURLToPath(new URL('../dist/ponos.cjs', import.meta.url));
if (existsSync(executable)) {
  createRequire(import.meta.url)(executable);
} else {
  console.error(`ponos: ${executable} is not there yet; run \`make build\` first`);
  process.exitCode = 1;
}
