/** BN254: what batches save over checking one by one. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { loadBn254 } from '../../src/crypto/bn254/bn254.js';
import type { BenchResult } from './result.js';

const SIZES = [4, 64, 256];
const ROUNDS = 3;

export async function benchCrypto(): Promise<BenchResult> {
  const bn254 = await loadBn254();
  const rows: { n: number; single: number; batch: number; oneBad: number }[] = [];
  for (const n of SIZES) {
    const digest = new Uint8Array(randomBytes(32));
    const items = Array.from({ length: n }, (_, index) => {
      const secret = BigInt(`0x${randomBytes(31).toString('hex')}`) + BigInt(index) + 1n;
      return {
        publicKey: bn254.derivePublicKey(secret).g2,
        digest,
        map: 'solidity' as const,
        signature: bn254.sign(secret, digest, 'solidity'),
      };
    });
    const [first, second] = items;
    if (first === undefined || second === undefined) continue;
    const spoiled = items.map((item, index) =>
      index === n - 1 ? { ...item, signature: first.signature } : item,
    );
    rows.push({
      n,
      single: best(() => {
        for (const { publicKey, map, signature } of items) {
          if (!bn254.verify(publicKey, digest, map, bn254.parseSignature(signature)))
            throw new Error('a good signature was refused');
        }
      }),
      batch: best(() => {
        if (bn254.verifyBatch(items).length !== 0) throw new Error('a good batch was refused');
      }),
      oneBad: best(() => {
        const bad = bn254.verifyBatch(spoiled);
        if (bad.length !== 1 || bad[0] !== n - 1) throw new Error('the bad signature was not found');
      }),
    });
  }
  const largest = rows.at(-1);
  return {
    question: 'n signatures over one digest: one by one, as a batch, as a batch with one bad (ms)',
    table: [
      ['n', 'one by one', 'batch', 'one bad', 'batch / one by one'],
      ...rows.map(({ n, single, batch, oneBad }) => [
        String(n),
        single.toFixed(1),
        batch.toFixed(1),
        oneBad.toFixed(1),
        (batch / single).toFixed(3),
      ]),
    ],
    claim: 'a batch of 256 costs less than a fifth of checking one by one',
    passed: largest !== undefined && largest.batch < largest.single / 5,
    figures: { rows },
  };
}

/** Milliseconds of the fastest of a few rounds: the least disturbed one. */
function best(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now();
    work();
    least = Math.min(least, performance.now() - startMs);
  }
  return least;
}
