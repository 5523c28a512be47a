import { describe, expect, test } from '@jest/globals';
import { isLoopbackPeer } from '../../../src/rpc/loopback-peer.js';
import { peerGroup } from '../../../src/rpc/peer-group.js';

describe('peerGroup', () => {
  test.each([
    ['192.0.2.1:4711', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8:1:2:3:4:5:6]:4711', '0x20010db800010002/64'],
    ['2001:db8:1:2:3:4:5:6:4711', '0x20010db800010002/64'],
    ['2001:db8:1:2:ffff::1', '0x20010db800010002/64'],
    ['2001:db8:1:3::1:4711', '0x20010db800010003/64'],
    ['fe80::1%eth0', '0xfe80000000000000/64'],
    ['::1', '0x0000000000000000/64'],
    ['', ''],
    ['unknown', 'unknown'],
  ])('behavior: %s belongs to %s', (peer, group) => {
    expect(peerGroup(peer)).toBe(group);
  });
});

describe('isLoopbackPeer', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9:4711', true],
    ['::1', true],
    ['::1:4711', true],
    ['[::1]:4711', true],
    ['::ffff:127.0.0.1:4711', true],
    ['10.0.0.1:4711', false],
    ['2001:db8::1', false],
    ['127.0.0.1.example:4711', false],
  ])('behavior: %s: %s', (peer, expected) => {
    expect(isLoopbackPeer(peer)).toBe(expected);
  });
});
