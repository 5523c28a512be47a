import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { closeFilesToOthers } from '../../../src/base/umask.js';

describe('closeFilesToOthers', () => {
  let own: number;
  beforeEach(() => {
    own = process.umask();
  });
  afterEach(() => {
    process.umask(own);
  });

  test.each([
    ['one that leaves everything', 0o000, 0o027],
    ['the usual one', 0o022, 0o027],
    ['a tighter one, which stays', 0o077, 0o077],
  ])('default: %s', (_name, before, after) => {
    process.umask(before);
    closeFilesToOthers();
    expect(process.umask()).toBe(after);
  });
});
