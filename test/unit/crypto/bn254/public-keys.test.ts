import { describe, expect, test } from '@jest/globals';
import mcl from 'mcl-wasm';
import { loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import { MclPoints } from '../../../../src/crypto/bn254/mcl-points.js';
import { G1_GENERATOR } from '../../../../src/crypto/bn254/points.js';
import { PublicKeys } from '../../../../src/crypto/bn254/public-keys.js';

const bn254 = await loadBn254();
const keyOf = (secret: number) => bn254.derivePublicKey(BigInt(secret)).g2;

/** mcl with the lines counted that are made and destroyed. */
function countingPoints() {
  const counts = { made: 0, destroyed: 0 };
  class PrecomputedG2 extends mcl.PrecomputedG2 {
    constructor(...parameters: ConstructorParameters<typeof mcl.PrecomputedG2>) {
      super(...parameters);
      counts.made += 1;
    }

    override destroy(): void {
      counts.destroyed += 1;
      super.destroy();
    }
  }
  return { points: new MclPoints({ ...mcl, PrecomputedG2 }), counts };
}

describe('PublicKeys', () => {
  test('behavior: lines are made once for each key, and give the same pairing', () => {
    const { points, counts } = countingPoints();
    const keys = new PublicKeys(points);
    const hash = points.g1(G1_GENERATOR);
    for (const secret of [5, 6, 5, 6]) {
      const key = keys.check(keyOf(secret));
      const withLines = mcl.precomputedMillerLoop(hash, keys.lines(key));
      expect(mcl.finalExp(withLines).isEqual(mcl.pairing(hash, key.point))).toBe(true);
    }
    expect(counts).toEqual({ made: 2, destroyed: 0 });
  });

  test('behavior: lines beyond the bound are destroyed, the longest unused first, and made again when needed', () => {
    const { points, counts } = countingPoints();
    const keys = new PublicKeys(points, 2);
    const [a, b, c] = [keys.check(keyOf(1)), keys.check(keyOf(2)), keys.check(keyOf(3))];
    keys.lines(a);
    const kept = keys.lines(b);
    keys.lines(c);
    expect(counts).toEqual({ made: 3, destroyed: 1 });
    expect(keys.lines(b)).toBe(kept);
    keys.lines(a);
    expect(counts).toEqual({ made: 4, destroyed: 2 });
  });

  test('behavior: the order of a key is checked once', () => {
    let checks = 0;
    class G2 extends mcl.G2 {
      override isValidOrder(): boolean {
        checks += 1;
        return super.isValidOrder();
      }
    }
    const keys = new PublicKeys(new MclPoints({ ...mcl, G2 }));
    for (const secret of [5, 6, 5, 6]) keys.check(keyOf(secret));
    expect(checks).toBe(2);
  });

  test('behavior: a key is the same object each time, whatever object it came as', () => {
    const keys = new PublicKeys(new MclPoints(mcl));
    expect(keys.check({ ...keyOf(9) })).toBe(keys.check(keyOf(9)));
  });
});
