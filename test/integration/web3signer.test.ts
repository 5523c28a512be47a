/** Keys in a remote signer, over real TLS with certificates on both sides. */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Transaction, type TransactionLike } from 'ethers';
import type { Address } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { CloseStack } from '../../src/base/close-stack.js';
import { explain, type PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { RemoteSignerConfig } from '../../src/config/types.js';
import { recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { loadSigningKeys, loadTransactionKey } from '../../src/signer/load-signers.js';
import type { SignerWorld } from '../../src/signer/remote-signers.js';
import type { EcdsaSigner, TransactionKey } from '../../src/signer/signer.js';
import {
  createAuthority,
  encryptKey,
  type TestAuthority,
  type TestCertificate,
} from '../support/certificates.js';
import { type LogLine, recordingLogger } from '../support/recording-logger.js';
import { describeSigner } from '../support/signer-contract.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { startWeb3Signer, type TestWeb3Signer } from '../support/web3signer.js';

const SECRET = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);
const MESSAGE = new TextEncoder().encode('a message of any length');
const AT = 'operator.signingKeys.ecdsa.remoteSignerConfig';
const TRANSACTION: TransactionLike = {
  type: 2,
  chainId: 31_337,
  nonce: 5,
  to: `0x${'22'.repeat(20)}`,
  data: '0x1234',
  value: 0n,
  gasLimit: 100_000n,
  maxFeePerGas: 30n,
  maxPriorityFeePerGas: 2n,
};

let authority: TestAuthority;
let strangers: TestAuthority;
let serverCertificate: TestCertificate;
let client: TestCertificate;
beforeAll(async () => {
  [authority, strangers] = await Promise.all([createAuthority(), createAuthority()]);
  serverCertificate = await authority.issue({ name: 'signer', usages: ['server'] });
  client = await authority.issue({ name: 'our node', usages: ['client'] });
});

let server: TestWeb3Signer;
let stack: CloseStack;
beforeEach(async () => {
  server = await startWeb3Signer({
    secret: SECRET,
    others: [OTHER],
    tls: { certificate: serverCertificate, clientAuthority: authority },
  });
  stack = new CloseStack(silentLogger);
});
afterEach(async () => {
  await stack.close();
  await server.close();
});

/** No pauses: what is asked again is asked at once. */
const impatient = { ...systemClock, sleep: async () => undefined };

const worldOf = (changes: Partial<SignerWorld> = {}): SignerWorld => ({
  clock: impatient,
  logger: silentLogger,
  stack,
  ...changes,
});

const remote = (
  changes: Partial<Record<keyof RemoteSignerConfig, string | undefined>> = {},
): RemoteSignerConfig => {
  const { key, fromAddress, ...rest } = {
    url: server.url,
    publicKey: server.publicKey,
    caCert: authority.cert,
    cert: client.cert,
    key: client.key,
    ...changes,
  };
  return {
    ...rest,
    fromAddress: fromAddress as Address | undefined,
    key: key === undefined ? undefined : new Secret(key),
  };
};

async function signer(config = remote(), world = worldOf()): Promise<EcdsaSigner> {
  const { ecdsa } = await loadSigningKeys(
    { ecdsa: { remoteSigner: true, remoteSignerConfig: config } },
    world,
  );
  if (ecdsa === undefined) throw new Error('no signer was opened');
  return ecdsa;
}

const transactionKey = (config = remote(), world = worldOf()): Promise<TransactionKey> =>
  loadTransactionKey({ remoteSigner: true, remoteSignerConfig: config }, world);

const failureOf = (promise: Promise<unknown>): Promise<PonosError> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error) => error,
  );

describe('contract', () => {
  describeSigner('a key in Web3Signer', () => signer());
});

describe('contract of a signer that never signs twice the same', () => {
  beforeEach(async () => {
    await server.close();
    server = await startWeb3Signer({
      secret: SECRET,
      isRandom: true,
      tls: { certificate: serverCertificate, clientAuthority: authority },
    });
  });
  describeSigner('a key in Web3Signer', () => signer(), false);
});

describe('opening a key', () => {
  test('default: the key is found among others and tried once; the client showed its certificate', async () => {
    const key = await signer();
    expect(key.publicIdentity).toBe(server.address);
    expect(server.asked).toEqual([
      'GET /api/v1/eth1/publicKeys',
      `POST /api/v1/eth1/sign/${server.publicKey.slice(2)}`,
    ]);
    expect(server.clients).toEqual(['our node']);
  });

  test('behavior: the address alone names a key, too', async () => {
    const key = await signer(remote({ publicKey: undefined, fromAddress: server.address }));
    expect(key.publicIdentity).toBe(server.address);
  });

  test('behavior: a URL with a path, as behind a proxy, keeps it', async () => {
    server.script.fault = (asked) => (asked.startsWith('/signer/') ? { status: 418 } : undefined);
    const failure = await failureOf(signer(remote({ url: `${server.url}/signer/` })));
    expect(failure.facts.status).toBe(418);
    expect(server.asked[0]).toBe('GET /signer/api/v1/eth1/publicKeys');
  });

  test('behavior: a signer that starts later than the node is waited for', async () => {
    let refusals = 3;
    server.script.fault = () => (refusals-- > 0 ? 'hang up' : undefined);
    expect((await signer()).publicIdentity).toBe(server.address);
  });

  test('behavior: a paying key asks only for the accounts', async () => {
    const key = await transactionKey();
    expect([key.address, server.asked]).toEqual([server.address, ['eth_accounts']]);
  });

  test.each<[string, Parameters<typeof remote>[0], string, string]>([
    ['no key is named', { publicKey: undefined }, 'CONFIG_INVALID', `${AT} names no key`],
    ['the public key is none', { publicKey: '0x1234' }, 'CONFIG_INVALID', `${AT}.publicKey is no public key`],
    [
      'public key and address are of two keys',
      { fromAddress: `0x${'11'.repeat(20)}` },
      'CONFIG_INVALID',
      `${AT}.publicKey is not the key of ${AT}.fromAddress`,
    ],
    [
      'the signer has no such key',
      { publicKey: undefined, fromAddress: `0x${'11'.repeat(20)}` },
      'SIGNER_REFUSED',
      'does not have the key',
    ],
    [
      'half a certificate is given',
      { key: undefined },
      'CONFIG_INVALID',
      `${AT}.cert is given without its key`,
    ],
    [
      'the certificate is none',
      { cert: '-----BEGIN CERTIFICATE-----\nx' },
      'CONFIG_INVALID',
      `${AT}.cert holds no certificate`,
    ],
    [
      'the authority is none',
      { caCert: '-----BEGIN x' },
      'CONFIG_INVALID',
      `${AT}.caCert holds no certificate`,
    ],
    ['a file is missing', { caCert: '/nowhere/ca.pem' }, 'FILE_UNREADABLE', `the file of ${AT}.caCert`],
  ])('error: %s', async (_case, changes, code, message) => {
    const failure = await failureOf(signer(remote(changes)));
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('error: the private key is of another certificate, is encrypted, or is none; it is never quoted', async () => {
    const { key: foreign } = await authority.issue();
    for (const [key, message] of [
      [foreign, `${AT}.key is not the key of ${AT}.cert`],
      [encryptKey(client.key, 'passphrase'), `the key in ${AT}.key is encrypted`],
      ['-----BEGIN PRIVATE KEY-----\nsecretsecret', `${AT}.key holds no private key`],
    ]) {
      const failure = await failureOf(signer(remote({ key })));
      expect(failure).toMatchObject({ code: 'CONFIG_INVALID', message });
      expect(`${explain(failure)} ${failure.advice}`).not.toContain(key?.split('\n')[1] ?? 'x');
    }
  });

  test('error: a signing key that signs with another one does not come into use', async () => {
    server.script.signsWith = OTHER;
    expect(await failureOf(signer())).toMatchObject({ code: 'SIGNER_MISMATCH' });
  });

  test('error: an account that the signer lacks', async () => {
    const config = remote({ publicKey: undefined, fromAddress: `0x${'11'.repeat(20)}` });
    expect(await failureOf(transactionKey(config))).toMatchObject({
      code: 'SIGNER_REFUSED',
      facts: { keys: 2, address: `0x${'11'.repeat(20)}` },
    });
  });
});

describe('trust', () => {
  const opening = (changes: Parameters<typeof remote>[0]) => failureOf(signer(remote(changes)));

  test('error: the authority of the server is another, or not given', async () => {
    for (const caCert of [strangers.cert, undefined]) {
      const failure = await opening({ caCert });
      expect(failure).toMatchObject({
        code: 'SIGNER_UNTRUSTED',
        message: 'the certificate of the remote signer is not trusted',
        advice: expect.stringContaining(`${AT}.caCert`),
      });
    }
    expect(server.asked).toEqual([]);
  });

  test('error: the certificate of the server is for another host, or has expired', async () => {
    for (const certificate of [
      await authority.issue({ hosts: ['elsewhere.example'] }),
      await authority.issue({ notAfter: new Date(Date.now() - 3_600_000) }),
    ]) {
      server.present(certificate);
      expect(await opening({})).toMatchObject({
        code: 'SIGNER_UNTRUSTED',
        facts: { signer: expect.any(String) },
      });
    }
    expect(server.asked).toEqual([]);
  });

  test('error: our certificate is missing, or of an authority that the signer does not know', async () => {
    const foreign = await strangers.issue({ name: 'somebody' });
    for (const changes of [{ cert: undefined, key: undefined }, foreign]) {
      // Some servers say so, others hang up: the advice is the same.
      const failure = await opening(changes);
      expect(failure.code).toMatch(/^SIGNER_(UNTRUSTED|UNAVAILABLE)$/);
      expect(failure.advice).toContain(`${AT}.cert`);
    }
    expect(server.asked).toEqual([]);
  });

  test('error: TLS on one side only', async () => {
    const plain = await startWeb3Signer({ secret: SECRET });
    try {
      const atPlain = await opening({ url: plain.url.replace('http:', 'https:') });
      expect(atPlain).toMatchObject({
        code: 'SIGNER_UNAVAILABLE',
        message: 'what answers at the address of the remote signer speaks another protocol',
      });
      const atTls = await opening({ url: server.url.replace('https:', 'http:') });
      expect(atTls.code).toBe('SIGNER_UNAVAILABLE');
    } finally {
      await plain.close();
    }
  });

  test('behavior: plain HTTP goes to this machine without a word, elsewhere with a warning', async () => {
    const plain = await startWeb3Signer({ secret: SECRET });
    const lines: LogLine[] = [];
    const logger = recordingLogger(lines);
    const warnings = () => lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
    const bare = { caCert: undefined, cert: undefined, key: undefined };
    try {
      await signer(remote({ ...bare, url: plain.url }), worldOf({ logger }));
      expect(warnings()).toEqual([]);
      // To all of a network there is no connection, and no name server has to say so.
      const elsewhere = remote({ ...bare, url: 'http://255.255.255.255:9000' });
      expect(await failureOf(signer(elsewhere, worldOf({ logger })))).toMatchObject({
        code: 'SIGNER_UNAVAILABLE',
      });
      expect(warnings()).toEqual([expect.stringContaining('without TLS')]);
    } finally {
      await plain.close();
    }
  });
});

describe('certificates that are renewed', () => {
  let folder: TemporaryFolder;
  let nowMs: number;
  beforeEach(async () => {
    folder = await temporaryFolder();
    nowMs = 0;
  });
  afterEach(() => folder.remove());

  const fileOf = (name: string) => path.join(folder.path, `${name}.pem`);
  async function write({ cert, key }: TestCertificate): Promise<void> {
    await writeFile(fileOf('cert'), cert);
    await writeFile(fileOf('key'), key, { mode: 0o600 });
  }

  test('behavior: files are read again without a restart; half a pair is not used, and told once', async () => {
    await write(client);
    const lines: LogLine[] = [];
    const logger = recordingLogger(lines);
    const key = await signer(
      remote({ cert: fileOf('cert'), key: fileOf('key') }),
      worldOf({ logger, clock: { ...impatient, monotonicMs: () => nowMs } }),
    );
    const renewed = await authority.issue({ name: 'our renewed node' });
    await writeFile(fileOf('cert'), renewed.cert);
    for (let look = 0; look < 3; look++) {
      nowMs += 2_000;
      await key.sign(MESSAGE, 'plain');
    }
    expect(server.clients).toEqual(['our node']);
    const told = lines.filter(({ level }) => level === 'warn');
    expect(told.map(({ fields }) => explain(fields.error))).toEqual([
      expect.stringContaining(`${AT}.key is not the key of ${AT}.cert`),
    ]);

    await write(renewed);
    nowMs += 500;
    await key.sign(MESSAGE, 'plain');
    expect(server.clients).toEqual(['our node']);
    nowMs += 500;
    await key.sign(MESSAGE, 'plain');
    expect(server.clients).toEqual(['our node', 'our renewed node']);
    expect(lines.filter(({ message }) => message.includes('were renewed'))).toHaveLength(1);
  });
});

describe('signing', () => {
  test('behavior: many signatures share a few connections', async () => {
    const key = await signer();
    const before = server.connections;
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 10 }, () => key.sign(MESSAGE, 'plain')));
    }
    expect(server.connections - before).toBeLessThanOrEqual(10);
  });

  test('behavior: a parity from 0 is taken for what it means', async () => {
    const key = await signer();
    server.script.mangle = (signature) => {
      const [v = 0] = signature.subarray(64);
      return Uint8Array.from([...signature.subarray(0, 64), v - 27]);
    };
    expect(recoverEcdsa(keccak256(MESSAGE), await key.sign(MESSAGE, 'plain'))).toBe(server.address);
  });

  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const highS = (signature: Uint8Array) => {
    const s = order - BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString('hex')}`);
    const flipped = Buffer.from(s.toString(16).padStart(64, '0'), 'hex');
    return Uint8Array.from([...signature.subarray(0, 32), ...flipped, signature[64] === 27 ? 28 : 27]);
  };

  test.each<[string, (server: TestWeb3Signer) => void, string]>([
    ['another key signs', ({ script }) => Object.assign(script, { signsWith: OTHER }), 'SIGNER_MISMATCH'],
    [
      'a signature is cut',
      ({ script }) => Object.assign(script, { mangle: (s: Uint8Array) => s.subarray(1) }),
      'SIGNER_MISMATCH',
    ],
    [
      's is high, which chains refuse',
      ({ script }) => Object.assign(script, { mangle: highS }),
      'SIGNER_MISMATCH',
    ],
    [
      'the key has gone',
      ({ script }) => Object.assign(script, { fault: () => ({ status: 404, body: 'no' }) }),
      'SIGNER_REFUSED',
    ],
    [
      'a login is asked for',
      ({ script }) => Object.assign(script, { fault: () => ({ status: 401 }) }),
      'SIGNER_REFUSED',
    ],
    [
      'it is forbidden',
      ({ script }) => Object.assign(script, { fault: () => ({ status: 403 }) }),
      'SIGNER_REFUSED',
    ],
    [
      'it finds fault with us',
      ({ script }) => Object.assign(script, { fault: () => ({ status: 400 }) }),
      'SIGNER_REFUSED',
    ],
    [
      'it fails',
      ({ script }) => Object.assign(script, { fault: () => ({ status: 500 }) }),
      'SIGNER_UNAVAILABLE',
    ],
    [
      'a page comes back',
      ({ script }) => Object.assign(script, { fault: () => ({ body: '<html>' }) }),
      'SIGNER_UNAVAILABLE',
    ],
    ['it hangs up', ({ script }) => Object.assign(script, { fault: () => 'hang up' }), 'SIGNER_UNAVAILABLE'],
    [
      'an endless answer comes',
      ({ script }) => Object.assign(script, { fault: () => ({ body: 'x'.repeat(2_000_000) }) }),
      'SIGNER_UNAVAILABLE',
    ],
  ])('error: %s', async (_case, break_, code) => {
    const key = await signer();
    break_(server);
    expect(await failureOf(key.sign(MESSAGE, 'plain'))).toMatchObject({
      code,
      facts: { signer: new URL(server.url).host },
    });
  });

  test('error: silence ends after the time limit', async () => {
    const key = await signer(remote(), worldOf({ timeoutMs: 1_000 }));
    server.script.fault = () => 'silence';
    expect(await failureOf(key.sign(MESSAGE, 'plain'))).toMatchObject({
      code: 'SIGNER_UNAVAILABLE',
      message: 'the remote signer does not answer in time',
      facts: { timeoutMs: 1_000 },
    });
  });

  test('error: down; and a restarted signer is used again, whatever became of kept connections', async () => {
    const key = await signer();
    const { port } = new URL(server.url);
    await server.close();
    expect(await failureOf(key.sign(MESSAGE, 'plain'))).toMatchObject({
      code: 'SIGNER_UNAVAILABLE',
      message: 'the remote signer does not answer',
    });
    server = await startWeb3Signer({
      secret: SECRET,
      port: Number(port),
      tls: { certificate: serverCertificate, clientAuthority: authority },
    });
    expect(recoverEcdsa(keccak256(MESSAGE), await key.sign(MESSAGE, 'plain'))).toBe(server.address);
  });
});

describe('transactions', () => {
  test('default: what comes back is the transaction that was asked for, signed by the account', async () => {
    const key = await transactionKey();
    const signed = Transaction.from(await key.signTransaction(TRANSACTION));
    expect(signed.unsignedHash).toBe(Transaction.from(TRANSACTION).unsignedHash);
    expect(signed.from?.toLowerCase()).toBe(server.address);
    expect(server.asked).toEqual(['eth_accounts', 'eth_signTransaction']);
  });

  test('behavior: of other chains than the signer was started for, the bytes are signed as data', async () => {
    const key = await transactionKey();
    const other = { ...TRANSACTION, chainId: 31_338 };
    for (let time = 0; time < 2; time++) {
      const signed = Transaction.from(await key.signTransaction(other));
      expect(signed.unsignedHash).toBe(Transaction.from(other).unsignedHash);
      expect([signed.chainId, signed.from?.toLowerCase()]).toEqual([31_338n, server.address]);
    }
    const asData = ['GET /api/v1/eth1/publicKeys', `POST /api/v1/eth1/sign/${server.publicKey.slice(2)}`];
    expect(server.asked).toEqual(['eth_accounts', 'eth_signTransaction', ...asData, ...asData]);
    expect(Transaction.from(await key.signTransaction(TRANSACTION)).chainId).toBe(31_337n);
  });

  test.each<[string, TransactionLike, string]>([
    ['recipient', { to: `0x${'66'.repeat(20)}` }, 'to'],
    ['call', { data: '0x1235' }, 'data'],
    ['value', { value: 1n }, 'value'],
    ['nonce', { nonce: 6 }, 'nonce'],
    ['gas', { gasLimit: 100_001n }, 'gasLimit'],
    ['fee', { maxFeePerGas: 31n }, 'maxFeePerGas'],
    ['tip', { maxPriorityFeePerGas: 3n }, 'maxPriorityFeePerGas'],
    ['access list', { accessList: [{ address: `0x${'66'.repeat(20)}`, storageKeys: [] }] }, 'accessList'],
    ['recipient, on another chain', { to: `0x${'66'.repeat(20)}`, chainId: 1 }, 'to, chainId'],
    [
      'kind',
      { type: 0, gasPrice: 30n, maxFeePerGas: null, maxPriorityFeePerGas: null },
      'type, maxFeePerGas, maxPriorityFeePerGas, gasPrice',
    ],
  ])('error: one with another %s is refused', async (_case, changes, different) => {
    const key = await transactionKey();
    server.script.redirect = (transaction) => ({ ...transaction, ...changes });
    expect(await failureOf(key.signTransaction(TRANSACTION))).toMatchObject({
      code: 'SIGNER_MISMATCH',
      facts: { different },
    });
  });

  test('error: one signed by another account is refused', async () => {
    const key = await transactionKey();
    server.script.signsWith = OTHER;
    expect(await failureOf(key.signTransaction(TRANSACTION))).toMatchObject({
      code: 'SIGNER_MISMATCH',
      facts: { different: 'from' },
    });
    expect(await failureOf(key.signTransaction({ ...TRANSACTION, chainId: 5 }))).toMatchObject({
      code: 'SIGNER_MISMATCH',
    });
  });

  test.each([
    ['an error', { error: { code: -32_000, message: 'From address does not match' } }, 'SIGNER_REFUSED'],
    ['no transaction', { result: '0x1234' }, 'SIGNER_MISMATCH'],
    ['an unsigned one', { result: Transaction.from(TRANSACTION).unsignedSerialized }, 'SIGNER_MISMATCH'],
    ['nothing', {}, 'SIGNER_UNAVAILABLE'],
    ['no answer to a call', [], 'SIGNER_UNAVAILABLE'],
  ])('error: %s comes back', async (_case, body, code) => {
    const key = await transactionKey();
    server.script.fault = () => ({ body: JSON.stringify(body) });
    expect(await failureOf(key.signTransaction(TRANSACTION))).toMatchObject({ code });
  });
});

describe('a stranger at the port', () => {
  let stranger: Server;
  beforeEach(async () => {
    stranger = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.end('220 mail.example ESMTP\r\n');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
  });
  afterEach(() => new Promise<void>((resolve) => stranger.close(() => resolve())));

  test('error: something that speaks neither HTTP nor TLS', async () => {
    const bound = stranger.address();
    const port = typeof bound === 'object' ? bound?.port : 0;
    for (const scheme of ['http', 'https']) {
      const bare = { caCert: undefined, cert: undefined, key: undefined };
      const failure = await failureOf(signer(remote({ ...bare, url: `${scheme}://127.0.0.1:${port}` })));
      expect(failure.message).toBe(
        'what answers at the address of the remote signer speaks another protocol',
      );
    }
  });
});
