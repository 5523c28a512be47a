import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { Transaction } from 'ethers';
import { parseHex } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import { systemClock } from '../../../src/base/clock.js';
import { explain } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { Secret } from '../../../src/base/secret.js';
import { encodeG2 } from '../../../src/crypto/bn254/points.js';
import { ecdsaAddress, parseEcdsaSecret } from '../../../src/crypto/ecdsa.js';
import * as loading from '../../../src/signer/load-signers.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';
import { readVectorFile } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

type SigningKeysConfig = Parameters<typeof loading.loadSigningKeys>[0];
const world = { clock: systemClock, logger: silentLogger };
const loadSigningKeys = (config: SigningKeysConfig) => loading.loadSigningKeys(config, world);
const loadTransactionKey = (config: Parameters<typeof loading.loadTransactionKey>[0]) =>
  loading.loadTransactionKey(config, world);
type BlsConfig = NonNullable<SigningKeysConfig['bls']>;
type EcdsaConfig = NonNullable<SigningKeysConfig['ecdsa']>;

const { entries } = readVectors<{
  readonly entries: readonly {
    readonly file: string;
    readonly privateKeyHex: string;
    readonly pubkeyField: string;
  }[];
}>('keystores/index');
const recorded = (name: string) => {
  const entry = entries.find(({ file }) => file === `keystores/${name}`);
  if (entry === undefined) throw new Error(`no recorded keystore ${name}`);
  return entry;
};
const vectorPath = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/vectors/keystores/${name}`, import.meta.url));
const password = new Secret('testpass');

const bls = (config: BlsConfig): SigningKeysConfig => ({ bls: config });
const ecdsa = (config: Partial<EcdsaConfig>): SigningKeysConfig => ({
  ecdsa: { remoteSigner: false, ...config },
});

describe('loadSigningKeys: BN254', () => {
  const publicKey = `0x${recorded('bn254-light.json').pubkeyField}`;

  async function expectKey(config: BlsConfig): Promise<void> {
    const keys = await loadSigningKeys(bls(config));
    expect(keys.ecdsa).toBeUndefined();
    expect(keys.bls && toHex(encodeG2(keys.bls.publicIdentity.g2))).toBe(publicKey);
  }

  test('default: a keystore file and its password', async () => {
    await expectKey({ keystoreFile: vectorPath('bn254-light.json'), password });
  });

  test('behavior: the keystore itself wins over a file', async () => {
    const keystore = new Secret(readVectorFile('keystores/bn254-light.json').toString());
    await expectKey({ keystore, keystoreFile: '/nowhere', password });
  });

  test.each(['testpass', 'testpass\n', 'testpass\r\n'])(
    'behavior: a password file with %j',
    async (content) => {
      await withTemporaryFolder(async (folder) => {
        const passwordFile = path.join(folder, 'password');
        await writeFile(passwordFile, content);
        await expectKey({ keystoreFile: vectorPath('bn254-light.json'), passwordFile });
      });
    },
  );

  test('default: no password is the empty one, as the Go keygen has it', async () => {
    await expectKey({ keystoreFile: vectorPath('bn254-light-emptypw.json') });
  });

  test('behavior: a keystore without a curve is taken for the one that is needed', async () => {
    await expect(
      loadSigningKeys(bls({ keystoreFile: vectorPath('bad-curvetype-missing.json'), password })),
    ).resolves.toMatchObject({ bls: { curve: 'bn254' } });
  });

  test.each([
    ['a wrong password', 'bn254-light.json', new Secret('wrong'), 'KEYSTORE_PASSWORD'],
    ['a keystore of another curve', 'bls381-default.json', password, 'KEYSTORE_CURVE'],
    ['a file that is no keystore', 'bad-json.json', password, 'KEYSTORE_INVALID'],
    ['an ECDSA keystore', 'ecdsa-v3-light.json', password, 'KEYSTORE_CURVE'],
  ])('error: %s, in one sentence that names the file', async (_name, file, secret, code) => {
    const keystoreFile = vectorPath(file);
    const failure = await loadSigningKeys(bls({ keystoreFile, password: secret })).catch((error) => error);
    expect(failure).toMatchObject({ code });
    expect(explain(failure)).toContain(keystoreFile);
    expect(explain(failure)).not.toContain(secret.reveal());
  });

  test.each(['keystoreFile', 'passwordFile'] as const)('error: %s cannot be read', async (key) => {
    const config = { keystoreFile: vectorPath('bn254-light.json'), [key]: '/nowhere/at/all' };
    await expect(loadSigningKeys(bls(config))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      facts: { file: '/nowhere/at/all' },
    });
  });

  test('error: neither keystore nor file', async () => {
    await expect(loadSigningKeys(bls({ password }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'operator.signingKeys.bls holds no key',
    });
  });
});

describe('loadSigningKeys: ECDSA', () => {
  const secretHex = recorded('ecdsa-v3-light.json').privateKeyHex;
  const address = ecdsaAddress(parseEcdsaSecret(secretHex));

  test.each([
    ['a private key', { privateKey: new Secret(secretHex) }],
    ['a private key without 0x', { privateKey: new Secret(secretHex.slice(2)) }],
    ['a keystore of version 3', { keystoreFile: vectorPath('ecdsa-v3-light.json'), password }],
    [
      'the keystore itself',
      { keystore: new Secret(readVectorFile('keystores/ecdsa-v3-light.json').toString()), password },
    ],
  ])('behavior: %s', async (_name, config) => {
    const keys = await loadSigningKeys(ecdsa(config));
    expect(keys.bls).toBeUndefined();
    expect(keys.ecdsa?.publicIdentity).toBe(address);
  });

  test.each([
    ['a wrong password', { keystoreFile: vectorPath('ecdsa-v3-light.json') }, 'KEYSTORE_PASSWORD'],
    ['a BN254 keystore', { keystoreFile: vectorPath('bn254-light.json'), password }, 'KEYSTORE_CURVE'],
    ['no key', {}, 'CONFIG_INVALID'],
    ['a key that is not one', { privateKey: new Secret('0x1234') }, 'KEY_INVALID'],
  ])('error: %s', async (_name, config, code) => {
    await expect(loadSigningKeys(ecdsa(config))).rejects.toMatchObject({ code });
  });
});

describe('loadSigningKeys', () => {
  test('behavior: both curves at once', async () => {
    const keys = await loadSigningKeys({
      ...bls({ keystoreFile: vectorPath('bn254-light.json'), password }),
      ...ecdsa({ privateKey: new Secret('11'.repeat(32)) }),
    });
    expect([keys.bls?.curve, keys.ecdsa?.curve]).toEqual(['bn254', 'ecdsa']);
  });

  test('error: no key at all', async () => {
    await expect(loadSigningKeys({})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('loadTransactionKey', () => {
  const privateKey = new Secret('22'.repeat(32));

  test('default: the key and its address', async () => {
    const key = await loadTransactionKey({ remoteSigner: false, privateKey });
    const signed = await key.signTransaction({ type: 2, chainId: 31337, nonce: 0, to: key.address });
    expect(key.address).toBe(ecdsaAddress(fromHex(parseHex(`0x${'22'.repeat(32)}`))));
    expect(Transaction.from(signed).from?.toLowerCase()).toBe(key.address);
    expect(inspect(key)).not.toContain('2222');
  });

  test.each([
    ['of the signing key', () => loadSigningKeys(ecdsa({ remoteSigner: true }))],
    ['of the paying key', () => loadTransactionKey({ remoteSigner: true, privateKey })],
  ])('error: a remote signer %s that is not described', async (_name, load) => {
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('error: no key', async () => {
    await expect(loadTransactionKey({ remoteSigner: false })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'operator.operatorPrivateKey holds no key',
    });
  });
});
