import { describe, expect, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { toHex } from '../../../../src/base/bytes.js';
import { Secret } from '../../../../src/base/secret.js';
import {
  inspectV3Keystore,
  openV3Keystore,
  sealV3Keystore,
} from '../../../../src/crypto/keystore/v3-keystore.js';
import { hexBytes, readVectorFile } from '../../../support/vector-bytes.js';
import { readVectors } from '../../../support/vectors.js';

const { entries } = readVectors<{
  entries: { file: string; format: string; password: string; privateKeyHex: string; address: string }[];
}>('keystores/index');
const vectors = entries.filter(({ format }) => format === 'web3-v3');
const text = (file: string) => readVectorFile(file).toString('utf8');
const light = JSON.parse(text('keystores/ecdsa-v3-light.json'));
const withCode = (code: string) => expect.objectContaining({ code });

describe('openV3Keystore', () => {
  test.each(vectors)('vector: $file', async (entry) => {
    const opened = await openV3Keystore(text(entry.file), new Secret(entry.password));
    expect(toHex(opened.secret.reveal())).toBe(entry.privateKeyHex);
    expect(opened.address).toBe(entry.address.toLowerCase());
    expect(inspectV3Keystore(text(entry.file)).address).toBe(entry.address.toLowerCase());
  });

  test('behavior: a file without an address opens', async () => {
    const { address: _, ...rest } = light;
    expect(inspectV3Keystore(JSON.stringify(rest)).address).toBeUndefined();
    await expect(openV3Keystore(JSON.stringify(rest), new Secret('testpass'))).resolves.toBeDefined();
  });

  test('error: a wrong password', async () => {
    await expect(openV3Keystore(JSON.stringify(light), new Secret('wrong'))).rejects.toThrow(
      withCode('KEYSTORE_PASSWORD'),
    );
  });

  test.each<[string, object]>([
    ['the address of another key', { address: '11'.repeat(20) }],
    ['an address that is none', { address: '11' }],
    ['another version', { version: 4 }],
    ['another cipher', { crypto: { ...light.crypto, cipher: 'aes-128-cbc' } }],
    ['a weak kdf', { crypto: { ...light.crypto, kdfparams: { ...light.crypto.kdfparams, n: 2 } } }],
    ['a short mac', { crypto: { ...light.crypto, mac: 'ab' } }],
  ])('error: %s', async (_name, change) => {
    await expect(
      openV3Keystore(JSON.stringify({ ...light, ...change }), new Secret('testpass')),
    ).rejects.toThrow(withCode('KEYSTORE_INVALID'));
  });
});

describe('sealV3Keystore', () => {
  test('behavior: ethers opens what we write, and so do we', async () => {
    const secret = new Secret(hexBytes('0x1c312553707d72df37e8d29e18bba74e1c5f07fc1baff94caa0cd70e302a96a0'));
    const password = new Secret('päss');
    const sealed = await sealV3Keystore({ secret, password, light: true });
    expect((await openV3Keystore(sealed, password)).secret.reveal()).toEqual(secret.reveal());
    expect((await Wallet.fromEncryptedJson(sealed, 'päss')).privateKey).toBe(toHex(secret.reveal()));
  });
});
