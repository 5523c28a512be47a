/** Runs the named benchmarks (all by default) one after another. */
import fs from 'node:fs';
import { renderTable } from '../../src/operations/table.js';
import { benchBurst } from './burst.js';
import { benchCrypto } from './crypto.js';
import { benchGarbage } from './garbage.js';
import { benchPerformer } from './performer.js';
import type { BenchResult } from './result.js';
import { benchSteady } from './steady.js';
import { benchStorage } from './storage.js';

const BENCHMARKS: Readonly<Record<string, () => Promise<BenchResult>>> = {
  crypto: benchCrypto,
  storage: benchStorage,
  burst: benchBurst,
  steady: benchSteady,
  performer: benchPerformer,
  garbage: benchGarbage,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const unknown = wanted.filter((name) => BENCHMARKS[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; allowed: ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}

const results: Record<string, BenchResult> = {};
for (const name of wanted) {
  const run = BENCHMARKS[name];
  if (run === undefined) continue;
  const result = await run();
  results[name] = result;
  console.log(`\n${name}: ${result.question}`);
  console.log(renderTable(result.table));
  console.log(`${result.passed ? 'holds' : 'DOES NOT HOLD'}: ${result.claim}`);
}
fs.writeFileSync('dist/bench.json', `${JSON.stringify(results, null, 2)}\n`);
console.log('\nfigures are in dist/bench.json');
process.exitCode = Object.values(results).every((result) => result.passed) ? 0 : 1;
