import { describe, expect, test } from '@jest/globals';
import { toHex } from '../../../src/base/bytes.js';
import {
  addressOfPublicKey,
  ecdsaAddress,
  ecdsaPublicKey,
  parseEcdsaPublicKey,
  parseEcdsaSecret,
  recoverEcdsa,
  signEcdsa,
} from '../../../src/crypto/ecdsa.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

const vectors = readVectors<{
  cases: {
    privateKeyHex: string;
    publicKeyUncompressed: string;
    address: string;
    digest: string;
    signature: string;
  }[];
  verify: { name: string; address: string; digest: string; signature: string }[];
  invalidPrivateKeys: { hex: string }[];
}>('ecdsa-signatures');
const signatureInvalid = expect.objectContaining({ code: 'SIGNATURE_INVALID' });
const control = vectors.verify.find(({ name }) => name === 'positive control');
if (control === undefined) throw new Error('the vectors have a positive control');

describe('signEcdsa and recoverEcdsa', () => {
  test.each(vectors.cases)('vector: $digest by $address', (expected) => {
    const secret = parseEcdsaSecret(expected.privateKeyHex);
    const digest = hexBytes(expected.digest);
    expect(toHex(signEcdsa(secret, digest))).toBe(expected.signature);
    expect(toHex(ecdsaPublicKey(secret))).toBe(expected.publicKeyUncompressed);
    expect(ecdsaAddress(secret)).toBe(expected.address.toLowerCase());
    expect(recoverEcdsa(digest, hexBytes(expected.signature))).toBe(expected.address.toLowerCase());
  });

  test('default: the positive control is recovered', () => {
    expect(recoverEcdsa(hexBytes(control.digest), hexBytes(control.signature))).toBe(
      control.address.toLowerCase(),
    );
  });

  test.each(vectors.verify.filter(({ name }) => name !== 'positive control'))(
    'error: refused for: $name',
    ({ digest, signature }) => {
      expect(() => recoverEcdsa(hexBytes(digest), hexBytes(signature))).toThrow(signatureInvalid);
    },
  );

  const order = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
  const one = '1'.padStart(64, '0');
  test.each([
    ['r = 0', `${'0'.repeat(64)}${one}1b`],
    ['s = 0', `${one}${'0'.repeat(64)}1b`],
    ['r = the order', `${order}${one}1b`],
    ['an r that is no x coordinate', `${'5'.padStart(64, '0')}${one}1b`],
  ])('error: refused for: %s', (_name, signature) => {
    expect(() => recoverEcdsa(hexBytes(control.digest), hexBytes(signature))).toThrow(signatureInvalid);
  });

  test('error: a digest must have 32 bytes', () => {
    const secret = parseEcdsaSecret(one);
    expect(() => signEcdsa(secret, new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    );
  });
});

describe('parseEcdsaSecret', () => {
  test('default: with 0x, without, and with a line end', () => {
    const digits = 'ab'.repeat(32);
    for (const text of [digits, `0x${digits}`, `0X${digits.toUpperCase()}\n`]) {
      expect(toHex(parseEcdsaSecret(text))).toBe(`0x${digits}`);
    }
  });

  test.each([
    ...vectors.invalidPrivateKeys.map(({ hex }) => hex),
    '',
    'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
    `${'11'.repeat(32)}22`,
  ])('error: "%s" is no private key', (text) => {
    expect(() => parseEcdsaSecret(text)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });

  test('error: the message does not quote the key', () => {
    const text = `${'77'.repeat(31)}zz`;
    expect(() => parseEcdsaSecret(text)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('7777') }),
    );
  });
});

describe('parseEcdsaPublicKey', () => {
  const secret = new Uint8Array(32).fill(7);
  const uncompressed = ecdsaPublicKey(secret);
  const digits = Buffer.from(uncompressed.subarray(1)).toString('hex');
  const compressed = `${uncompressed[64] !== undefined && uncompressed[64] % 2 === 1 ? '03' : '02'}${digits.slice(0, 64)}`;

  test.each([
    ['as Web3Signer writes it', `0x${digits}`],
    ['without 0x', digits],
    ['in capitals', `0X${digits.toUpperCase()}`],
    ['with the leading 04', `0x04${digits}`],
    ['compressed', `0x${compressed}`],
  ])('default: %s', (_form, text) => {
    const parsed = parseEcdsaPublicKey(text);
    expect(parsed).toEqual(uncompressed);
    expect(addressOfPublicKey(parsed)).toBe(ecdsaAddress(secret));
  });

  test.each([
    ['empty', ''],
    ['too short', digits.slice(2)],
    ['no hex', 'zz'.repeat(64)],
    ['off the curve', `${digits.slice(0, 126)}00`],
    ['an address', ecdsaAddress(secret)],
  ])('error: %s', (_case, text) => {
    expect(() => parseEcdsaPublicKey(text)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });
});
