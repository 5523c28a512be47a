import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../src/base/error.js';
import { PullProgress, pullFailure } from '../../../src/performer/docker-pull.js';

describe('PullProgress', () => {
  test('default: adds up what the lines say of layers, and passes others by', () => {
    const progress = new PullProgress();
    expect(progress.take({ status: 'Pulling from org/image', id: 'v1' })).toBeUndefined();
    expect(progress.take({ status: 'Digest: sha256:00' })).toBeUndefined();
    for (const id of ['a', 'b', 'c']) progress.take({ status: 'Pulling fs layer', id });
    progress.take({ status: 'Already exists', id: 'c' });
    const half = { status: 'Downloading', id: 'a', progressDetail: { current: 50, total: 100 } };
    expect(progress.take(half)).toEqual({ id: 'a', currentBytes: 50, totalBytes: 100 });
    expect(progress.summary).toEqual({ layers: 3, layersDone: 1, downloadedBytes: 50, totalBytes: 100 });
    progress.take({ status: 'Download complete', id: 'a' });
    progress.take({ status: 'Extracting', id: 'a', progressDetail: { current: 7, total: 300 } });
    progress.take({ status: 'Downloading', id: 'b', progressDetail: { current: 1, total: 10 } });
    progress.take({ status: 'Pull complete', id: 'a' });
    expect(progress.summary).toEqual({ layers: 3, layersDone: 2, downloadedBytes: 101, totalBytes: 110 });
  });
});

describe('pullFailure', () => {
  test.each([
    ['write /var/lib/docker/tmp/x: no space left on device', 'IMAGE_PULL_FAILED', 'no room'],
    ['toomanyrequests: You have reached your pull rate limit', 'IMAGE_PULL_FAILED', 'no more pulls'],
    [
      "pull access denied for a/b, repository does not exist or may require 'docker login'",
      'IMAGE_MISSING',
      'does not have it, or does not give it',
    ],
    ['Head "https://r/v2/a/manifests/v1": no basic auth credentials', 'IMAGE_MISSING', 'refuses this login'],
    ['unauthorized: authentication required', 'IMAGE_MISSING', 'refuses this login'],
    [
      'no matching manifest for linux/arm64/v8 in the manifest list',
      'IMAGE_MISSING',
      'other kinds of machines',
    ],
    ['manifest for r/a:v1 not found: manifest unknown', 'IMAGE_MISSING', 'its registry does not have it'],
    ['invalid reference format: repository name must be lowercase', 'IMAGE_MISSING', 'does not have it'],
    ['dial tcp 127.0.0.1:1: connect: connection refused', 'IMAGE_PULL_FAILED', 'does not answer'],
    ['dial tcp: lookup r on 1.1.1.1:53: no such host', 'IMAGE_PULL_FAILED', 'does not answer'],
    ['x509: certificate signed by unknown authority', 'IMAGE_PULL_FAILED', 'does not answer'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'IMAGE_PULL_FAILED', 'does not answer'],
    ['something new', 'IMAGE_PULL_FAILED', 'it cannot be pulled'],
  ])('behavior: %s', (reason, code, words) => {
    const error = pullFailure('r/a:v1', reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(error.message).toContain('the image r/a:v1 is not on this machine');
    expect(explain(error)).toContain(reason);
  });

  test('behavior: the signature of an address is not repeated', () => {
    const error = pullFailure('r/a', 'Get "https://cdn/layer?X-Signature=sesame&x=1": EOF');
    expect(explain(error)).toContain('Get "https://cdn/layer": EOF');
  });
});
