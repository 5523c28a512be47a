import { describe, expect, test } from '@jest/globals';
import { planTls, type TlsFlags, tlsFlagOf } from '../../../../src/operations/management/node-tls.js';

type Grpc = Parameters<typeof planTls>[1];

const SERVER = { certFile: 's.crt', keyFile: 's.key', requireClientCert: false };
const plaintext: Grpc = { tls: undefined, clientTls: undefined };
const secured: Grpc = { tls: SERVER, clientTls: undefined };
const mutual: Grpc = { tls: SERVER, clientTls: { certFile: 'c.crt', keyFile: 'c.key', caFile: 'ca.crt' } };
const own = { tlsCertFile: 'mine.crt', tlsKeyFile: 'mine.key' };

/** The options that a call would use, by the file that each gives. */
function plan(flags: TlsFlags, grpc?: Grpc): unknown {
  const { sources, serverName } = planTls(flags, grpc) ?? { sources: undefined, serverName: undefined };
  if (sources === undefined) return 'plaintext';
  const { cert, key, ca } = sources;
  const given = [ca, cert, key].flatMap((source) => (source ? [`${source.option} ${source.from}`] : []));
  return serverName === undefined ? given : [...given, serverName];
}

const CONFIGURED = [
  'grpc.clientTls.caFile ca.crt',
  'grpc.clientTls.certFile c.crt',
  'grpc.clientTls.keyFile c.key',
];

describe('planTls', () => {
  test.each<[string, TlsFlags, Grpc, unknown]>([
    ['nothing is given', {}, undefined, 'plaintext'],
    ['--tls', { tls: true }, undefined, []],
    ['an authority', { tlsCaFile: 'a' }, undefined, ['--tls-ca-file a']],
    ['a name', { tlsServerName: 'x.example' }, undefined, ['x.example']],
    ['an IPv6 address as the name', { tlsServerName: '::1' }, undefined, ['::1']],
    ['a certificate', own, undefined, ['--tls-cert-file mine.crt', '--tls-key-file mine.key']],
    ['--no-tls', { tls: false }, undefined, 'plaintext'],
    ['a node without TLS', {}, plaintext, 'plaintext'],
    ['a node with TLS', {}, secured, []],
    ['a node with mutual TLS', {}, mutual, CONFIGURED],
    [
      'calls with TLS of a node whose ports have none',
      {},
      { tls: undefined, clientTls: mutual.clientTls },
      'plaintext',
    ],
    [
      'the same with --tls: a proxy stands before it',
      { tls: true },
      { tls: undefined, clientTls: mutual.clientTls },
      CONFIGURED,
    ],
    [
      'another authority than configured',
      { tlsCaFile: 'a' },
      mutual,
      ['--tls-ca-file a', ...CONFIGURED.slice(1)],
    ],
    [
      'another certificate than configured',
      own,
      mutual,
      ['grpc.clientTls.caFile ca.crt', '--tls-cert-file mine.crt', '--tls-key-file mine.key'],
    ],
    ['--no-tls to a node with TLS', { tls: false }, mutual, 'plaintext'],
  ])('default: %s', (_case, flags, grpc, expected) => {
    expect(plan(flags, grpc)).toEqual(expected);
  });

  test.each<[TlsFlags, RegExp]>([
    [{ tls: false, tlsCaFile: 'a' }, /--no-tls and --tls-ca-file contradict/],
    [{ tls: false, ...own }, /--no-tls and --tls-cert-file contradict/],
    [{ tls: false, tlsServerName: 'x' }, /--no-tls and --tls-server-name contradict/],
    [{ tlsCertFile: 'a' }, /--tls-cert-file and --tls-key-file go together/],
    [{ tls: true, tlsKeyFile: 'a' }, /--tls-cert-file and --tls-key-file go together/],
    [{ tlsServerName: 'x.example:9090' }, /without a port/],
  ])('error: %j', (flags, message) => {
    for (const grpc of [undefined, mutual]) {
      expect(() => planTls(flags, grpc)).toThrow(message);
      expect(() => planTls(flags, grpc)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});

test.each<[TlsFlags, string | undefined]>([
  [{}, undefined],
  [{ tls: true }, '--tls'],
  [{ tls: false }, '--no-tls'],
  [{ tlsServerName: 'x' }, '--tls-server-name'],
])('tlsFlagOf: %j is %s', (flags, expected) => {
  expect(tlsFlagOf(flags)).toBe(expected);
});
