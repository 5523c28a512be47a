import { describe, expect, test } from '@jest/globals';
import { credentialSource, helperAnswer, registryOf } from '../../../src/performer/docker-registry-auth.js';

const HUB = 'https://index.docker.io/v1/';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('registryOf', () => {
  test.each([
    ['alpine', HUB],
    ['library/alpine', HUB],
    ['docker.io/library/alpine', HUB],
    ['ghcr.io/org/image', 'ghcr.io'],
    ['localhost/image', 'localhost'],
    ['127.0.0.1:5000/a/b', '127.0.0.1:5000'],
  ])('default: %s is in %s', (repository, registry) => {
    expect(registryOf(repository)).toBe(registry);
  });
});

describe('credentialSource', () => {
  test.each<[string, unknown, string, unknown]>([
    ['nothing known', {}, 'ghcr.io', undefined],
    [
      'user and password, with colons in it and zeros after it',
      { auths: { 'ghcr.io': { auth: base64('me:a:b\0\0') } } },
      'ghcr.io',
      { auth: { username: 'me', password: 'a:b', serveraddress: 'ghcr.io' } },
    ],
    [
      'user and password in fields of their own',
      { auths: { 'ghcr.io': { username: 'me', password: 'x' } } },
      'ghcr.io',
      { auth: { username: 'me', password: 'x', serveraddress: 'ghcr.io' } },
    ],
    [
      'an identity token',
      { auths: { 'acr.io': { auth: base64('00000000:'), identitytoken: 'token' } } },
      'acr.io',
      { auth: { username: '00000000', identitytoken: 'token', serveraddress: 'acr.io' } },
    ],
    [
      'a whole address as older versions kept it',
      { auths: { 'https://ghcr.io/v1/': { auth: base64('me:x') } } },
      'ghcr.io',
      { auth: { username: 'me', password: 'x', serveraddress: 'ghcr.io' } },
    ],
    ['Docker Hub', { auths: { [HUB]: { auth: base64('me:x') } } }, HUB, { auth: expect.anything() }],
    ['the empty entry that a login with a helper leaves', { auths: { 'ghcr.io': {} } }, 'ghcr.io', undefined],
    [
      'a helper for one registry before the one for all',
      { credsStore: 'all', credHelpers: { 'ghcr.io': 'one' } },
      'ghcr.io',
      { helper: 'one', server: 'ghcr.io' },
    ],
    ['the helper for all', { credsStore: 'all' }, 'ghcr.io', { helper: 'all', server: 'ghcr.io' }],
    ['a file that is a list', [], 'ghcr.io', undefined],
  ])('default: %s', (_name, config, registry, expected) => {
    expect(credentialSource(config, registry)).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ['a helper that is a path', { credsStore: '../../evil' }],
    ['an auth that is no pair', { auths: { 'ghcr.io': { auth: base64('sesame') } } }],
  ])('error: %s', (_name, config) => {
    expect(() => credentialSource(config, 'ghcr.io')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('sesame') }),
    );
  });
});

describe('helperAnswer', () => {
  test('default: a password, or a token', () => {
    expect(helperAnswer('{"Username":"me","Secret":"x"}', 'r')).toEqual({
      username: 'me',
      password: 'x',
      serveraddress: 'r',
    });
    expect(helperAnswer('{"Username":"<token>","Secret":"t"}', 'r')).toEqual({
      identitytoken: 't',
      serveraddress: 'r',
    });
  });

  test.each(['sesame', '{"Username":"sesame"}', 'null'])('error: %s, without repeating it', (answer) => {
    expect(() => helperAnswer(answer, 'r')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('sesame') }),
    );
  });
});
