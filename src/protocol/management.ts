/** What the caller of a management method signs, in its two forms. */
import { concatBytes } from '../base/bytes.js';
import { keccak256 } from '../crypto/keccak.js';

const utf8 = (text: string) => new TextEncoder().encode(text);

/**
 * The form of the public Go nodes: 32 bytes, the keccak-256 of the token's text. A signer hashes
 * what it is given, so that the signed digest is the hash of this hash. Plain map for BN254.
 */
export function challengeTokenMessage(token: string): Uint8Array {
  return keccak256(utf8(token));
}

/**
 * The form that binds the token to one request: 96 bytes, hashed once more by the signer.
 * @param fullMethod `/package.Service/Method`
 * @param requestBytes the request without its auth field, encoded with its fields in number order
 */
export function boundTokenMessage(token: string, fullMethod: string, requestBytes: Uint8Array): Uint8Array {
  return concatBytes(keccak256(utf8(token)), keccak256(utf8(fullMethod)), keccak256(requestBytes));
}
