/** Whether what we would sign is what a chain's contracts would check; asked once per chain at start. */
import { type Address, parseHash32, parseTaskId } from '../base/brands.js';
import { equalBytes, fromHex, toHex } from '../base/bytes.js';
import { isPonosError } from '../base/error.js';
import type { CurveName } from '../crypto/curve.js';
import { keccak256 } from '../crypto/keccak.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  taskMessageHash,
} from '../protocol/result.js';
import type { Caller } from './contract.js';
import { createBn254CertificateVerifier } from './contracts/bn254-certificate-verifier.js';
import { createEcdsaCertificateVerifier } from './contracts/ecdsa-certificate-verifier.js';
import { createTaskMailbox } from './contracts/task-mailbox.js';

export interface DigestAddresses {
  readonly taskMailbox: Address;
  readonly bn254CertificateVerifier: Address;
  readonly ecdsaCertificateVerifier: Address;
}

export interface DigestSupport {
  /** Curves whose tasks must be refused on this chain, and why, as a sentence. */
  readonly refusedCurves: ReadonlyMap<CurveName, string>;
  /** EIP-712 domain of this chain's ECDSA verifier. */
  readonly ecdsaDomainSeparator: Uint8Array;
}

// Any values do; all bytes differ so that a swapped order shows.
const REFERENCE_TIMESTAMP = 0x01020304;
const TASK_ID = parseTaskId(
  `0x${Array.from({ length: 32 }, (_, byte) => (byte + 16).toString(16)).join('')}`,
);
const OUTPUT = Uint8Array.from({ length: 40 }, (_, byte) => byte + 1);

/** @throws PonosError of the client; a contract that answers otherwise than expected is a refused curve, not an error */
export async function probeDigests(caller: Caller, addresses: DigestAddresses): Promise<DigestSupport> {
  const domainSeparator = ecdsaDomainSeparator(addresses.ecdsaCertificateVerifier);
  const [bn254, ecdsa] = await Promise.all([
    refusal(() => compareBn254(caller, addresses)),
    refusal(() => compareEcdsa(caller, addresses, domainSeparator)),
  ]);
  const refusedCurves = new Map<CurveName, string>();
  if (bn254 !== undefined) refusedCurves.set('bn254', bn254);
  if (ecdsa !== undefined) refusedCurves.set('ecdsa', ecdsa);
  return { refusedCurves, ecdsaDomainSeparator: domainSeparator };
}

/** What differs, or undefined. */
type Difference = string | undefined;

async function compareBn254(caller: Caller, addresses: DigestAddresses): Promise<Difference> {
  const messageHash = taskMessageHash(TASK_ID, OUTPUT);
  const verifier = createBn254CertificateVerifier(caller, addresses.bn254CertificateVerifier);
  const [mailboxHash, digest] = await Promise.all([
    createTaskMailbox(caller, addresses.taskMailbox).getMessageHash(TASK_ID, OUTPUT, 'latest'),
    verifier.calculateCertificateDigest(REFERENCE_TIMESTAMP, parseHash32(toHex(messageHash)), 'latest'),
  ]);
  if (!equalBytes(mailboxHash, messageHash)) return differs('TaskMailbox.getMessageHash');
  if (equalBytes(digest, keccak256(bn254CertificatePreimage(REFERENCE_TIMESTAMP, messageHash))))
    return undefined;
  return differs('BN254CertificateVerifier.calculateCertificateDigest');
}

async function compareEcdsa(
  caller: Caller,
  addresses: DigestAddresses,
  domainSeparator: Uint8Array,
): Promise<Difference> {
  const messageHash = taskMessageHash(TASK_ID, OUTPUT);
  const verifier = createEcdsaCertificateVerifier(caller, addresses.ecdsaCertificateVerifier);
  const [mailboxHash, domain, preimage] = await Promise.all([
    createTaskMailbox(caller, addresses.taskMailbox).getMessageHash(TASK_ID, OUTPUT, 'latest'),
    verifier.domainSeparator('latest'),
    verifier.calculateCertificateDigestBytes(REFERENCE_TIMESTAMP, parseHash32(toHex(messageHash)), 'latest'),
  ]);
  if (!equalBytes(mailboxHash, messageHash)) return differs('TaskMailbox.getMessageHash');
  if (!equalBytes(fromHex(domain), domainSeparator))
    return differs('ECDSACertificateVerifier.domainSeparator');
  if (equalBytes(preimage, ecdsaCertificatePreimage(REFERENCE_TIMESTAMP, messageHash, domainSeparator))) {
    return undefined;
  }
  return differs('ECDSACertificateVerifier.calculateCertificateDigestBytes');
}

function differs(functionName: string): string {
  return `${functionName} of this chain computes another value than this node; signatures would not verify`;
}

/** A contract of another version may lack a function or revert: the curve is refused, the node goes on. */
async function refusal(compare: () => Promise<Difference>): Promise<Difference> {
  try {
    return await compare();
  } catch (error) {
    if (isPonosError(error, 'CONTRACT_REVERTED') || isPonosError(error, 'CONTRACT_MISSING'))
      return error.message;
    throw error;
  }
}
