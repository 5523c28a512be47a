/** What an executor signs: the result, as a certificate, and its own identity. */
import type { Address, TaskId } from '../base/brands.js';
import { concatBytes, fromHex, padWord, word } from '../base/bytes.js';
import { keccak256 } from '../crypto/keccak.js';
import { abiBytes, abiEncode, abiWord } from './abi-encode.js';

/** The only version of the message there is; any other is refused. */
export const RESULT_VERSION = 1;

const keccakOfText = (text: string) => keccak256(new TextEncoder().encode(text));

// Hashed once: every response needs one of them.
const BN254_TYPE_HASH = keccakOfText('BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)');
const ECDSA_TYPE_HASH = keccakOfText('ECDSACertificate(uint32 referenceTimestamp,bytes32 messageHash)');

/** `TaskMailbox.getMessageHash(taskId, output)` = keccak256(abi.encode(bytes32, bytes)). */
export function taskMessageHash(taskId: TaskId, output: Uint8Array): Uint8Array {
  return keccak256(abiEncode([abiWord(fromHex(taskId)), abiBytes(output)]));
}

/**
 * The 96 bytes whose keccak-256 is `BN254CertificateVerifier.calculateCertificateDigest`; signed
 * with the Solidity-compatible map. There is no EIP-712 domain in it.
 */
export function bn254CertificatePreimage(referenceTimestamp: number, messageHash: Uint8Array): Uint8Array {
  return concatBytes(BN254_TYPE_HASH, word(referenceTimestamp), padWord(messageHash));
}

/**
 * `ECDSACertificateVerifier.domainSeparator()`: an EIP-712 domain without a chain id.
 * @param majorVersion the contract's semantic version up to its first dot
 */
export function ecdsaDomainSeparator(verifier: Address, majorVersion = '1'): Uint8Array {
  return keccak256(
    keccakOfText('EIP712Domain(string name,string version,address verifyingContract)'),
    keccakOfText('EigenLayer'),
    keccakOfText(majorVersion),
    padWord(fromHex(verifier)),
  );
}

/**
 * The 66 bytes of `ECDSACertificateVerifier.calculateCertificateDigestBytes` (EIP-712: 0x19 0x01,
 * domain separator, struct hash); their keccak-256 is signed.
 */
export function ecdsaCertificatePreimage(
  referenceTimestamp: number,
  messageHash: Uint8Array,
  domainSeparator: Uint8Array,
): Uint8Array {
  const structHash = keccak256(ECDSA_TYPE_HASH, word(referenceTimestamp), padWord(messageHash));
  return concatBytes(Uint8Array.of(0x19, 0x01), domainSeparator, structHash);
}

export interface ResultAuthFields {
  readonly taskId: TaskId;
  readonly avs: Address;
  readonly operator: Address;
  readonly operatorSetId: number;
  readonly resultSignature: Uint8Array;
}

/** The 160-byte preimage (five words) by which an operator vouches for its result signature; plain map. */
export function resultAuthMessage(fields: ResultAuthFields): Uint8Array {
  return concatBytes(
    fromHex(fields.taskId),
    padWord(fromHex(fields.avs)),
    padWord(fromHex(fields.operator)),
    word(fields.operatorSetId),
    keccak256(fields.resultSignature),
  );
}
