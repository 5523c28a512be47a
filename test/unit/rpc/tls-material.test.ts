import { beforeAll, describe, expect, test } from '@jest/globals';
import { checkTls } from '../../../src/rpc/tls-material.js';
import {
  createAuthority,
  encryptKey,
  type TestAuthority,
  type TestCertificate,
} from '../../support/certificates.js';

const DAY_MS = 24 * 60 * 60_000;
let authority: TestAuthority;
let own: TestCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  own = await authority.issue({ notAfter: new Date('2090-05-06T07:08:09Z') });
});

const check = (texts: Parameters<typeof checkTls>[0], nowMs = Date.now()) =>
  checkTls(texts, 'grpc.tls', nowMs);

describe('checkTls', () => {
  test('default: what fits together passes, and tells when the first of it ends', async () => {
    expect(check({})).toEqual({ expiresAtMs: undefined });
    expect(check(own).expiresAtMs).toBe(Date.parse('2090-05-06T07:08:09Z'));
    const ends = check({ ...own, cert: `${own.cert}\n${authority.cert}` }).expiresAtMs ?? 0;
    expect(ends).toBeLessThan(Date.now() + 91 * DAY_MS);
  });

  test('behavior: an authority of several may have ended, all of them may not', async () => {
    const afterIt = Date.now() + 100 * DAY_MS;
    expect(() => check({ ca: authority.cert }, afterIt)).toThrow(
      /grpc.tls.caFile has expired: CN=test authority/,
    );
    const lasting = own.cert;
    expect(check({ ca: `${authority.cert}\n${lasting}` }, afterIt).expiresAtMs).toBeGreaterThan(afterIt);
  });

  test.each<[string, RegExp, () => Promise<[Parameters<typeof checkTls>[0], number?]>]>([
    ['no key', /grpc.tls has a certificate without its key/, async () => [{ cert: own.cert }]],
    ['no certificate', /grpc.tls has a key without its certificate/, async () => [{ key: own.key }]],
    ['no PEM', /grpc.tls.certFile holds no certificate/, async () => [{ ...own, cert: own.key }]],
    [
      'a damaged certificate',
      /certificate 1 in grpc.tls.certFile is malformed/,
      async () => [{ ...own, cert: own.cert.replace(/\n.{10}/, '\n') }],
    ],
    ['no key in the file', /grpc.tls.keyFile holds no private key/, async () => [{ ...own, key: own.cert }]],
    [
      'an encrypted key',
      /the key in grpc.tls.keyFile is encrypted/,
      async () => [{ ...own, key: encryptKey(own.key, 'sesame') }],
    ],
    [
      'the key of another',
      /grpc.tls.keyFile is not the key of grpc.tls.certFile/,
      async () => [{ ...own, key: (await authority.issue()).key }],
    ],
    [
      'an expired certificate',
      /grpc.tls.certFile has expired: CN=node was valid until May {2}6 07:08:09 2090 GMT/,
      async () => [own, Date.parse('2090-05-07')],
    ],
    [
      'a certificate of tomorrow',
      /grpc.tls.certFile is not valid yet: CN=node is valid from/,
      async () => [own, Date.now() - 2 * DAY_MS],
    ],
  ])('error: %s', async (_name, message, make) => {
    const [texts, nowMs] = await make();
    expect(() => check(texts, nowMs)).toThrow(message);
    expect(() => check(texts, nowMs)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
