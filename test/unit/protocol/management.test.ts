import { describe, expect, test } from '@jest/globals';
import { toHex } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { boundTokenMessage, challengeTokenMessage } from '../../../src/protocol/management.js';
import { readVectors } from '../../support/vectors.js';

interface Vectors {
  readonly cases: readonly {
    readonly challengeToken: string;
    readonly signedMessage: string;
    readonly digestActuallySigned: string;
  }[];
}

const { cases } = readVectors<Vectors>('mgmt-auth');

describe('challengeTokenMessage', () => {
  test.each(cases)('behavior: message and digest of token $challengeToken', (vector) => {
    const message = challengeTokenMessage(vector.challengeToken);
    expect(toHex(message)).toBe(vector.signedMessage);
    expect(toHex(keccak256(message))).toBe(vector.digestActuallySigned);
  });
});

describe('boundTokenMessage', () => {
  const token = '2f779c94a35dceba72fe536ce28c5fea7566753044cdf9da29f6402ea964b7f9';
  const method = '/eigenlayer.hourglass.v1.ExecutorManagementService/RemovePerformer';
  const request = Uint8Array.of(0x0a, 0x02, 0x70, 0x31);

  test('behavior: the digest is pinned, since peers must agree on it', () => {
    const message = boundTokenMessage(token, method, request);
    expect(message).toHaveLength(96);
    expect(toHex(keccak256(message))).toBe(BOUND_DIGEST);
  });

  test('behavior: token, method and request each change it', () => {
    const digests = [
      boundTokenMessage(token, method, request),
      boundTokenMessage(token.replace('2', '3'), method, request),
      boundTokenMessage(token, `${method}s`, request),
      boundTokenMessage(token, method, new Uint8Array()),
    ].map((message) => toHex(keccak256(message)));
    expect(new Set(digests).size).toBe(4);
  });
});

/** Computed apart from our code, with ethers: keccak256(concat([id(token), id(method), keccak256(request)])). */
const BOUND_DIGEST = '0x2749a512af5e436ffc1c2005f18bf2ba9160f4eadfa8dbb52922b30155968d83';
