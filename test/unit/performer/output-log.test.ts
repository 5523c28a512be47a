import { describe, expect, test } from '@jest/globals';
import { type Address, parseAddress } from '../../../src/base/brands.js';
import { OutputLog } from '../../../src/performer/output-log.js';

const avs = (index: number) => parseAddress(`0x${index.toString(16).padStart(40, '0')}`);
const line = (of: Address, performer: string, atMs: number) => ({
  avs: of,
  performer,
  atMs,
  line: `line ${atMs}`,
});
const times = (lines: readonly { readonly atMs: number }[]) => lines.map(({ atMs }) => atMs);

describe('OutputLog', () => {
  test('default: the last lines, of all, of an AVS, of a performer', () => {
    const log = new OutputLog();
    log.write(line(avs(1), 'a', 1));
    log.write(line(avs(2), 'b', 2));
    log.write(line(avs(1), 'c', 3));
    log.write(line(avs(1), 'a', 4));
    expect(times(log.recent({}, 10))).toEqual([1, 2, 3, 4]);
    expect(times(log.recent({}, 2))).toEqual([3, 4]);
    expect(times(log.recent({ avs: avs(1) }, 10))).toEqual([1, 3, 4]);
    expect(times(log.recent({ performer: 'a' }, 10))).toEqual([1, 4]);
    expect(times(log.recent({ avs: avs(2), performer: 'a' }, 10))).toEqual([]);
    expect(log.recent({}, 0)).toEqual([]);
  });

  test('behavior: a follower gets its lines until it goes', () => {
    const log = new OutputLog();
    const seen: number[] = [];
    const stop = log.follow({ avs: avs(1) }, ({ atMs }) => seen.push(atMs));
    log.write(line(avs(1), 'a', 1));
    log.write(line(avs(2), 'b', 2));
    log.write(line(avs(1), 'c', 3));
    stop();
    log.write(line(avs(1), 'a', 4));
    expect(seen).toEqual([1, 3]);
  });

  test('behavior: a thousand lines of an AVS are kept, however many it prints', () => {
    const log = new OutputLog();
    log.write(line(avs(2), 'b', 0));
    for (let atMs = 1; atMs <= 10_500; atMs += 1) log.write(line(avs(1), 'a', atMs));
    const kept = log.recent({ avs: avs(1) }, 100_000);
    expect([kept.length, kept[0]?.atMs, kept.at(-1)?.atMs]).toEqual([1_000, 9_501, 10_500]);
    expect(times(log.recent({ avs: avs(2) }, 10))).toEqual([0]);
  });

  test('behavior: of many AVSs the one that printed nothing for longest is forgotten', () => {
    const log = new OutputLog();
    for (let index = 0; index < 256; index += 1) log.write(line(avs(index), 'a', index));
    log.write(line(avs(0), 'a', 256));
    log.write(line(avs(256), 'a', 257));
    expect(times(log.recent({ avs: avs(0) }, 10))).toEqual([0, 256]);
    expect(times(log.recent({ avs: avs(1) }, 10))).toEqual([]);
    expect(times(log.recent({ avs: avs(2) }, 10))).toEqual([2]);
  });
});
