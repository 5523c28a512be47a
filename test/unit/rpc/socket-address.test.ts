import { describe, expect, test } from '@jest/globals';
import { formatSocketAddress, parseSocketAddress } from '../../../src/rpc/socket-address.js';

describe('parseSocketAddress', () => {
  test.each([
    ['executor.example.com:9090', { host: 'executor.example.com', port: 9090 }],
    ['EXECUTOR-1.example.com:9090', { host: 'executor-1.example.com', port: 9090 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['localhost:65535', { host: 'localhost', port: 65535 }],
    ['ponos_executor:9090', { host: 'ponos_executor', port: 9090 }],
    ['[2001:DB8::1]:9090', { host: '2001:db8::1', port: 9090 }],
    [' 10.0.0.1:9090\n', { host: '10.0.0.1', port: 9090 }],
    ['unix:80', { host: 'unix', port: 80 }],
  ])('default: %s', (text, expected) => {
    const address = parseSocketAddress(text);
    expect(address).toEqual(expected);
    expect(parseSocketAddress(formatSocketAddress(address))).toEqual(expected);
  });

  test.each([
    '',
    'host',
    'host:',
    ':9090',
    'host:0',
    'host:65536',
    'host:9090/path',
    'http://host:9090',
    'https://host',
    'unix:/var/run/docker.sock',
    'dns:///host:9090',
    '2001:db8::1:9090',
    'ho st:9090',
    'host:9090@evil:1',
    `${'a'.repeat(300)}:9090`,
    '-host:9090',
  ])('error: %j is no socket', (text) => {
    expect(() => parseSocketAddress(text)).toThrow(
      expect.objectContaining({
        code: 'VALUE_INVALID',
        message: 'a socket must be host:port, without a scheme',
      }),
    );
  });
});
