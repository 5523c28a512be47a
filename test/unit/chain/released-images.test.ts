import { describe, expect, test } from '@jest/globals';
import type { Release } from '../../../src/chain/contracts/release-manager.js';
import { type SetRelease, whyNotReleased } from '../../../src/chain/released-images.js';

const release = (id: number, ...digests: string[]): Release => ({
  id,
  artifacts: digests.map((digest) => ({ digest, registry: 'anywhere' })),
  upgradeByTimeSeconds: 0,
});
const set = (operatorSetId: number, latest?: Release): SetRelease => ({ operatorSetId, latest });

describe('whyNotReleased', () => {
  test.each<[string, string | undefined, SetRelease[], string | undefined]>([
    ['in the only release', 'a', [set(1, release(0, 'a'))], undefined],
    ['one artifact of several', 'b', [set(1, release(3, 'a', 'b'))], undefined],
    ['in the releases of both sets', 'a', [set(1, release(0, 'a')), set(2, release(4, 'a'))], undefined],
    ['another set has none', 'a', [set(1, release(0, 'a')), set(2)], undefined],
    [
      'not in it',
      'x',
      [set(1, release(3, 'a'))],
      'the digest is not in release 3, the latest of operator set 1',
    ],
    [
      'in one of two',
      'a',
      [set(1, release(0, 'a')), set(2, release(4, 'b'))],
      'the digest is not in release 4, the latest of operator set 2',
    ],
    [
      'a release without artifacts',
      'a',
      [set(1, release(0))],
      'the digest is not in release 0, the latest of operator set 1',
    ],
    [
      'no digest',
      undefined,
      [set(1, release(0, 'a'))],
      'the image is named by a tag, and a release names digests',
    ],
    ['no release', 'a', [set(1), set(2)], 'the AVS has published no release for its operator sets (1, 2)'],
    ['no set', 'a', [], 'the AVS has published no release for its operator sets (none)'],
  ])('default: %s', (_case, digest, sets, reason) => {
    expect(whyNotReleased(digest, sets)).toBe(reason);
  });
});
