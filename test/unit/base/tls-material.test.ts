import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Secret } from '../../../src/base/secret.js';
import { loadTls } from '../../../src/base/tls-material.js';
import {
  createAuthority,
  encryptKey,
  type TestAuthority,
  type TestCertificate,
} from '../../support/certificates.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const DAY_MS = 24 * 60 * 60_000;
let authority: TestAuthority;
let own: TestCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  own = await authority.issue({ notAfter: new Date('2090-05-06T07:08:09Z') });
});

interface Texts {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

const load = ({ cert, key, ca }: Texts, nowMs = Date.now()) =>
  loadTls(
    {
      cert: cert === undefined ? undefined : { option: 'grpc.tls.certFile', from: cert },
      key: key === undefined ? undefined : { option: 'grpc.tls.keyFile', from: new Secret(key) },
      ca: ca === undefined ? undefined : { option: '--tls-ca-file', from: ca },
    },
    nowMs,
  );

describe('loadTls', () => {
  test('default: what fits together passes, and tells when the first of it ends', async () => {
    expect(await load({})).toEqual({ expiresAtMs: undefined });
    expect(await load(own)).toMatchObject({ ...own, expiresAtMs: Date.parse('2090-05-06T07:08:09Z') });
    const ends = (await load({ ...own, cert: `${own.cert}\n${authority.cert}` })).expiresAtMs ?? 0;
    expect(ends).toBeLessThan(Date.now() + 91 * DAY_MS);
  });

  test('behavior: texts and files are one', async () => {
    await withTemporaryFolder(async (folder) => {
      const [cert, key] = [path.join(folder, 'a.crt'), path.join(folder, 'a.key')];
      await writeFile(cert, own.cert);
      await writeFile(key, own.key);
      expect(await load({ cert, key })).toEqual(await load(own));
    });
  });

  test.each([30, 200, 500])(
    'error: of a file that is being written, the rest is waited for: %s bytes of its second certificate',
    async (bytes) => {
      const half = authority.cert.slice(0, bytes);
      await expect(load({ ...own, cert: `${own.cert}\n${half}` })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: 'grpc.tls.certFile holds a certificate without its end',
      });
      await expect(load({ ca: `${own.cert}\n${half}` })).rejects.toThrow(/--tls-ca-file holds a certificate/);
    },
  );

  test('behavior: an authority of several may have ended, all of them may not', async () => {
    const afterIt = Date.now() + 100 * DAY_MS;
    await expect(load({ ca: authority.cert }, afterIt)).rejects.toThrow(
      /--tls-ca-file has expired: CN=test authority/,
    );
    const lasting = own.cert;
    expect((await load({ ca: `${authority.cert}\n${lasting}` }, afterIt)).expiresAtMs).toBeGreaterThan(
      afterIt,
    );
  });

  test.each<[string, RegExp, () => Promise<[Texts, number?]>]>([
    ['no key', /grpc.tls.certFile is given without its key/, async () => [{ cert: own.cert }]],
    ['no certificate', /grpc.tls.keyFile is given without its certificate/, async () => [{ key: own.key }]],
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
    const failure = load(...(await make()));
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('error: a file that is not there', async () => {
    await expect(load({ ca: '/nowhere/ca.pem' })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: 'the file of --tls-ca-file cannot be read',
      facts: { file: '/nowhere/ca.pem' },
    });
  });
});
