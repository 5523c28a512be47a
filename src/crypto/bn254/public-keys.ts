/** Public keys as mcl needs them: checked once, and with the lines of their Miller loops where those are kept. */
import { LRUCache } from 'lru-cache';
import type { G2, PrecomputedG2 } from 'mcl-wasm';
import { invalidPoint, type MclPoints } from './mcl-points.js';
import { equalG2, G2_INFINITY, type G2Point } from './points.js';

/** A key on the curve, in the subgroup, and not infinity. */
export interface CheckedKey {
  /** Equal text for equal keys. */
  readonly name: string;
  readonly point: G2;
}

/** Keys whose subgroup check (0.8 ms) is remembered: several large operator tables. */
const CACHED_KEYS = 4096;
/** Keys whose lines are kept: a third of a Miller loop less, for 25 kB each of mcl's memory. */
const CACHED_LINES = 1024;

export class PublicKeys {
  readonly #points: MclPoints;
  readonly #checked = new LRUCache<string, CheckedKey>({ max: CACHED_KEYS });
  readonly #lines: LRUCache<string, PrecomputedG2>;

  /** @param maxLines at least 2, the most that one pairing needs at a time */
  constructor(points: MclPoints, maxLines = CACHED_LINES) {
    this.#points = points;
    // They live in mcl's own memory, which no garbage collector looks after.
    this.#lines = new LRUCache({ max: Math.max(2, maxLines), dispose: (lines) => lines.destroy() });
  }

  /** @throws PonosError POINT_INVALID unless canonical, on the curve, in the subgroup and not infinity */
  check(point: G2Point): CheckedKey {
    const name = nameOf(point);
    const known = this.#checked.get(name);
    if (known !== undefined) return known;
    if (equalG2(point, G2_INFINITY)) throw invalidPoint('a G2 point is infinity');
    const key = { name, point: this.#points.requireSubgroup(this.#points.g2(point)) };
    this.#checked.set(name, key);
    return key;
  }

  /** To be used at once: after those of another two keys have been asked for, these may be gone. */
  lines({ name, point }: CheckedKey): PrecomputedG2 {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const lines = new this.#points.mcl.PrecomputedG2(point);
    this.#lines.set(name, lines);
    return lines;
  }
}

function nameOf({ x, y }: G2Point): string {
  return [x.c0, x.c1, y.c0, y.c1].map((part) => part.toString(16)).join(',');
}
