/** Runs the named benchmarks (all by default) one after another; `name:size` for one whose size can be chosen. */
import fs from 'node:fs';
import { renderTable } from '../../src/operations/table.js';
import { benchBurst } from './burst.js';
import { benchCatchup } from './catchup.js';
import { benchCrypto } from './crypto.js';
import { benchFairness } from './fairness.js';
import { benchGarbage } from './garbage.js';
import { benchLatency } from './latency.js';
import { benchPerformer } from './performer.js';
import type { BenchResult } from './result.js';
import { benchRpc } from './rpc.js';
import { benchSignatures } from './signatures.js';
import { benchSteady } from './steady.js';
import { benchStorage } from './storage.js';

const BENCHMARKS: Readonly<Record<string, (size?: number) => Promise<BenchResult>>> = {
  crypto: benchCrypto,
  signatures: benchSignatures,
  storage: benchStorage,
  rpc: benchRpc,
  catchup: benchCatchup,
  burst: benchBurst,
  latency: benchLatency,
  fairness: benchFairness,
  steady: benchSteady,
  performer: benchPerformer,
  garbage: benchGarbage,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const unknown = wanted.filter((name) => benchOf(name) === undefined);
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; allowed: ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}

const results: Record<string, BenchResult> = {};
for (const name of wanted) {
  const result = await benchOf(name)?.();
  if (result === undefined) continue;
  results[name] = result;
  console.log(`\n${name}: ${result.question}`);
  console.log(renderTable(result.table));
  console.log(`${result.passed ? 'holds' : 'DOES NOT HOLD'}: ${result.claim}`);
}
fs.writeFileSync('dist/bench.json', `${JSON.stringify(results, null, 2)}\n`);
console.log('\nfigures are in dist/bench.json');
process.exitCode = Object.values(results).every((result) => result.passed) ? 0 : 1;

function benchOf(wantedName: string): (() => Promise<BenchResult>) | undefined {
  const [, name = '', size] = /^(\w+)(?::(\d+))?$/.exec(wantedName) ?? [];
  const bench = BENCHMARKS[name];
  return bench && (() => bench(size === undefined ? undefined : Number(size)));
}
