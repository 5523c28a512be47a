import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { dockerError, engineStatus, unlessStatus } from '../../../src/performer/docker-errors.js';

const refusal = Object.assign(new Error('no such container'), { statusCode: 404 });
const failure = Object.assign(new Error('server error'), { statusCode: 500 });
const silence = Object.assign(new Error('connect ENOENT'), { code: 'ENOENT' });

describe('dockerError', () => {
  test.each([
    ['an answer is a refusal', refusal, 'PERFORMER_UNAVAILABLE'],
    ["a failure is the engine's", failure, 'DOCKER_UNAVAILABLE'],
    ['no answer is a missing engine', silence, 'DOCKER_UNAVAILABLE'],
  ])('behavior: %s', (_name, error, code) => {
    expect(dockerError(error, 'start it')).toMatchObject({
      code,
      message: expect.stringContaining('start it'),
      cause: error,
    });
  });

  test('behavior: an error of ours stays as it is', () => {
    const ours = new PonosError('IMAGE_MISSING', { message: 'x' });
    expect(dockerError(ours, 'start it')).toBe(ours);
  });
});

describe('unlessStatus', () => {
  test('default: an expected answer is none, any other is thrown', async () => {
    expect(engineStatus(refusal)).toBe(404);
    await unlessStatus(Promise.reject(refusal), 304, 404);
    await expect(unlessStatus(Promise.reject(refusal), 304)).rejects.toBe(refusal);
    await expect(unlessStatus(Promise.reject(silence), 404)).rejects.toBe(silence);
  });
});
