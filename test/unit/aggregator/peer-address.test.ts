import { describe, expect, test } from '@jest/globals';
import { resolvePeer, sharedLookup } from '../../../src/aggregator/peer-address.js';
import { createPeerPolicy } from '../../../src/aggregator/peer-policy.js';
import { deferred } from '../../support/deferred.js';

const policy = createPeerPolicy({ allow: [], deny: [], allowLoopback: false });
const resolvesTo =
  (...addresses: string[]) =>
  async () =>
    addresses;
const fails = async () => {
  throw new Error('ENOTFOUND');
};

describe('resolvePeer', () => {
  test('default: a name is dialled by the address that was judged', async () => {
    expect(await resolvePeer('node.example.org:9090', policy, resolvesTo('8.8.8.8'))).toBe('8.8.8.8:9090');
    expect(await resolvePeer('node.example.org:9090', policy, resolvesTo('2001:db8::1'))).toBe(
      '[2001:db8::1]:9090',
    );
  });

  test('default: an address is not resolved', async () => {
    expect(await resolvePeer('10.0.0.7:80', policy, fails)).toBe('10.0.0.7:80');
  });

  test('behavior: of several addresses the first that is allowed is dialled', async () => {
    expect(await resolvePeer('node:80', policy, resolvesTo('127.0.0.1', '10.0.0.1'))).toBe('10.0.0.1:80');
  });

  test('behavior: IPv4 goes first, for a node listens there by default', async () => {
    const local = createPeerPolicy({ allow: [], deny: [], allowLoopback: true });
    expect(await resolvePeer('localhost:80', local, resolvesTo('::1', '127.0.0.1'))).toBe('127.0.0.1:80');
    expect(await resolvePeer('node:80', policy, resolvesTo('2001:db8::1', '127.0.0.1'))).toBe(
      '[2001:db8::1]:80',
    );
  });

  test('error: a name that leads to a metadata address is refused', async () => {
    const resolved = resolvePeer('innocent.example.org:80', policy, resolvesTo('169.254.169.254'));
    await expect(resolved).rejects.toMatchObject({
      code: 'PEER_REFUSED',
      facts: { address: '169.254.169.254' },
    });
  });

  test('error: a name that does not resolve now may later', async () => {
    await expect(resolvePeer('gone:80', policy, fails)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      kind: 'retryable',
    });
  });

  test('error: a malformed socket is refused', async () => {
    await expect(resolvePeer('http://node:80', policy, fails)).rejects.toMatchObject({
      code: 'VALUE_INVALID',
    });
  });
});

describe('sharedLookup', () => {
  test('behavior: askers at the same time share one look-up, later ones ask anew', async () => {
    const asked: string[] = [];
    const answer = deferred();
    const lookup = sharedLookup(async (host) => {
      asked.push(host);
      await answer.promise;
      return [`10.0.0.${asked.length}`];
    });
    const both = Promise.all([lookup('slow'), lookup('slow')]);
    answer.resolve();
    expect(await both).toEqual([['10.0.0.1'], ['10.0.0.1']]);
    expect(await lookup('slow')).toEqual(['10.0.0.2']);
    expect(asked).toEqual(['slow', 'slow']);
  });

  test('error: a failure is not remembered', async () => {
    let isUp = false;
    const lookup = sharedLookup(async () => {
      if (!isUp) throw new Error('ENOTFOUND');
      return ['10.0.0.1'];
    });
    await expect(lookup('late')).rejects.toThrow('ENOTFOUND');
    isUp = true;
    expect(await lookup('late')).toEqual(['10.0.0.1']);
  });
});
