import { describe, expect, test } from '@jest/globals';
import { chainId, parseAddress } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { releasedFirst, releaseRule } from '../../../src/executor/require-released.js';
import type { FirstPerformer } from '../../../src/performer/performer-pool.js';
import type { LogLine } from '../../support/recording-logger.js';
import { recordingLogger } from '../../support/recording-logger.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OPERATOR = { address: parseAddress(`0x${'0e'.repeat(20)}`) };
const chain = {
  l1: {
    name: 'L1',
    chainId: chainId(31_337),
    call: async () => {
      throw new Error('the chain was asked');
    },
  },
  allocationManager: AVS,
  releaseManager: AVS,
};
const refused = new PonosError('RELEASE_REFUSED', { message: 'not released' });

function performer(digest: string, isEssential: boolean): FirstPerformer {
  const resources = { memoryBytes: 1, cpus: 1, pids: 1, readOnlyRootfs: false };
  return {
    spec: { avs: AVS, image: { repository: 'a', digest }, command: [], env: new Map(), resources },
    isEssential,
  };
}

describe('releaseRule', () => {
  test('default: any image may run', () => {
    expect(releaseRule({ releases: { require: 'any' }, operator: OPERATOR }, chain)).toBeUndefined();
  });

  test('error: a process has no digest; the chain is not asked for that', async () => {
    const rule = releaseRule({ releases: { require: 'latest' }, operator: OPERATOR }, chain);
    await expect(rule?.({ avs: AVS, image: undefined })).rejects.toMatchObject({ code: 'RELEASE_REFUSED' });
  });

  test('error: what cannot be checked does not run', async () => {
    const rule = releaseRule({ releases: { require: 'latest' }, operator: OPERATOR }, chain);
    await expect(rule?.(performer('x', true).spec)).rejects.toThrow('the chain was asked');
  });

  test('error: no ReleaseManager is known', () => {
    const unknown = { ...chain, releaseManager: undefined };
    const config = { releases: { require: 'latest' as const }, operator: OPERATOR };
    expect(() => releaseRule(config, unknown)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('chain 31337') }),
    );
  });
});

describe('releasedFirst', () => {
  const rule = async ({ image }: { image?: { digest?: string } }) => {
    if (image?.digest !== 'good') throw refused;
  };
  const lines: LogLine[] = [];
  const logger = recordingLogger(lines);

  test('default: without a rule, all of them', async () => {
    const all = [performer('good', true), performer('bad', true)];
    expect(await releasedFirst(all, undefined, logger)).toEqual(all);
  });

  test('behavior: what a call had deployed is left out, and said; the others run', async () => {
    const [good, bad] = [performer('good', false), performer('bad', false)];
    expect(await releasedFirst([bad, good], rule, logger)).toEqual([good]);
    expect(lines.map(({ level, fields }) => [level, fields.avs])).toEqual([['error', AVS]]);
  });

  test('error: a configured one ends the start', async () => {
    const all = [performer('good', true), performer('bad', true)];
    await expect(releasedFirst(all, rule, logger)).rejects.toBe(refused);
  });

  test('error: a chain that does not answer leaves nothing out', async () => {
    const down = new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
    const ask = async () => {
      throw down;
    };
    await expect(releasedFirst([performer('good', false)], ask, logger)).rejects.toBe(down);
  });
});
