import { describe, expect, test } from '@jest/globals';
import { createPeerPolicy } from '../../../src/aggregator/peer-policy.js';

const strict = createPeerPolicy({ allow: [], deny: [], allowLoopback: false });

describe('createPeerPolicy', () => {
  test.each(['8.8.8.8', '10.0.0.5', '192.168.1.1', '172.17.0.2', '2001:4860:4860::8888', 'fd12::1'])(
    'default: %s may be dialled',
    (ip) => {
      expect(strict(ip)).toBeUndefined();
    },
  );

  test.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.9.9.9', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:7f00:1', 'a loopback address'],
    ['0:0:0:0:0:ffff:7f00:0001', 'a loopback address'],
    ['169.254.1.1', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['169.254.169.254', 'a cloud metadata address'],
    ['::ffff:169.254.169.254', 'a cloud metadata address'],
    ['fd00:ec2::254', 'a cloud metadata address'],
    ['100.100.100.200', 'a cloud metadata address'],
    ['0.0.0.0', 'an unspecified address'],
    ['::', 'an unspecified address'],
    ['224.0.0.1', 'a multicast or broadcast address'],
    ['ff02::1', 'a multicast or broadcast address'],
    ['nonsense', 'not an IP address'],
    ['2130706433', 'not an IP address'],
    ['0x7f.0.0.1', 'not an IP address'],
    // IPv4 addresses inside IPv6 ones, which translators and tunnels lead to.
    ['64:ff9b::7f00:1', 'a loopback address'],
    ['64:ff9b::169.254.169.254', 'a cloud metadata address'],
    ['64:ff9b:1::a9fe:a9fe', 'a local-use NAT64 address'],
    ['64:ff9b:1:7f00:0:100::', 'a local-use NAT64 address'],
    ['2002:7f00:1::1', 'a loopback address'],
    ['2002:a9fe:a9fe::', 'a cloud metadata address'],
    ['2001:0:4136:e378:8000:63bf:80ff:fffe', 'a loopback address'], // Teredo: 127.0.0.1 inverted
    ['::127.0.0.1', 'a loopback address'],
    ['::a9fe:101', 'a link-local address'],
    ['::ffff:0:127.0.0.1', 'a loopback address'],
    ['::ffff:0.0.0.0', 'an unspecified address'],
  ])('default: %s is refused as %s', (ip, reason) => {
    expect(strict(ip)).toBe(reason);
  });

  test.each([
    '64:ff9b::808:808',
    '2002:808:808::1',
    '::ffff:8.8.8.8',
    '::8.8.8.8',
    '2001:0:4136:e378:8000:63bf:f7f7:f7f7',
  ])('default: %s, which leads to a public IPv4 address, may be dialled', (ip) => {
    expect(strict(ip)).toBeUndefined();
  });

  test('behavior: on a local chain loopback is allowed and metadata is not', () => {
    const local = createPeerPolicy({ allow: [], deny: [], allowLoopback: true });
    expect(local('127.0.0.1')).toBeUndefined();
    expect(local('::1')).toBeUndefined();
    expect(local('169.254.169.254')).toBe('a cloud metadata address');
  });

  test('behavior: allow opens what is refused by default, deny beats allow', () => {
    const policy = createPeerPolicy({
      allow: ['127.0.0.0/8', '169.254.7.7', 'fe80::/10'],
      deny: ['127.0.0.2/32', '10.0.0.0/8'],
      allowLoopback: false,
    });
    expect(policy('127.0.0.1')).toBeUndefined();
    expect(policy('169.254.7.7')).toBeUndefined();
    expect(policy('fe80::2')).toBeUndefined();
    expect(policy('169.254.7.8')).toBe('a link-local address');
    expect(policy('127.0.0.2')).toBe('denied by tasks.peers.deny');
    expect(policy('::ffff:10.1.1.1')).toBe('denied by tasks.peers.deny');
    expect(policy('64:ff9b::10.1.1.1')).toBe('denied by tasks.peers.deny');
    expect(policy('64:ff9b::127.0.0.1')).toBeUndefined();
  });

  test.each(['10.0.0.0/33', 'fd00::/129', 'host/8', '10.0.0.0/', '10.0.0.0/8/9', ''])(
    'error: %p is no CIDR',
    (cidr) => {
      expect(() => createPeerPolicy({ allow: [cidr], deny: [], allowLoopback: false })).toThrow(
        expect.objectContaining({ code: 'VALUE_INVALID' }),
      );
    },
  );
});
