/** The custom errors of the EigenLayer and Hourglass contracts, and how a revert is told. */
import { Interface } from 'ethers';
import type { Hex } from '../../base/brands.js';
import { isPonosError, PonosError } from '../../base/error.js';

/** By contract, as their ABIs declare them. Equal declarations of two contracts have one selector. */
export const CONTRACT_ERRORS = {
  taskMailbox: [
    'error CertificateStale()',
    'error EmptyCertificateSignature()',
    'error ExecutorOperatorSetNotRegistered()',
    'error ExecutorOperatorSetTaskConfigNotSet()',
    'error FeeAlreadyRefunded()',
    'error InvalidAddressZero()',
    'error InvalidConsensusType()',
    'error InvalidConsensusValue()',
    'error InvalidCurveType()',
    'error InvalidFeeReceiver()',
    'error InvalidFeeSplit()',
    'error InvalidMessageHash()',
    'error InvalidOperatorSetOwner()',
    'error InvalidReferenceTimestamp()',
    'error InvalidTaskCreator()',
    'error InvalidTaskStatus(uint8 expected, uint8 actual)',
    'error OnlyRefundCollector()',
    'error PayloadIsEmpty()',
    'error TaskSLAExceedsMaximum()',
    'error ThresholdNotMet()',
    'error TimestampAtCreation()',
  ],
  bn254CertificateVerifier: [
    'error ArrayLengthMismatch()',
    'error CertificateStale()',
    'error ECAddFailed()',
    'error ECMulFailed()',
    'error ECPairingFailed()',
    'error EmptyRoot()',
    'error ExpModFailed()',
    'error InvalidIndex()',
    'error InvalidOperatorIndex()',
    'error InvalidProofLength()',
    'error NonSignerIndicesNotSorted()',
    'error OnlyTableUpdater()',
    'error ReferenceTimestampDoesNotExist()',
    'error RootDisabled()',
    'error TableUpdateStale()',
    'error VerificationFailed()',
  ],
  ecdsaCertificateVerifier: [
    'error ArrayLengthMismatch()',
    'error CertificateStale()',
    'error IndexOutOfBounds()',
    'error InvalidShortString()',
    'error InvalidSignature()',
    'error InvalidSignatureLength()',
    'error OnlyTableUpdater()',
    'error OperatorCountZero()',
    'error ReferenceTimestampDoesNotExist()',
    'error RootDisabled()',
    'error SignatureExpired()',
    'error SignersNotOrdered()',
    'error StringTooLong(string str)',
    'error TableUpdateStale()',
    'error VerificationFailed()',
  ],
  operatorTableUpdater: [
    'error CertificateInvalid()',
    'error GlobalTableRootInFuture()',
    'error GlobalTableRootStale()',
    'error InvalidGlobalTableRoot()',
    'error InvalidOperatorSet()',
    'error InvalidOperatorSetProof()',
    'error InvalidRoot()',
    'error TableUpdateForPastTimestamp()',
  ],
} as const;

/** Solidity's own: `require` with a sentence, and failed assertions. */
const BUILT_IN = ['error Error(string message)', 'error Panic(uint256 code)'];

const ERRORS = new Interface([...new Set([...Object.values(CONTRACT_ERRORS).flat(), ...BUILT_IN])]);

export interface DecodedRevert {
  /** The error's name and arguments, e.g. `InvalidTaskStatus(1, 2)`; undefined if no ABI of ours knows it. */
  readonly text: string | undefined;
  /** The bare name, e.g. `InvalidTaskStatus`. */
  readonly name: string | undefined;
  readonly selector: Hex | undefined;
}

/** Reads the bytes a reverted call returned. Never throws. */
export function decodeRevert(data: Hex | undefined): DecodedRevert {
  if (data === undefined || data.length < 10)
    return { text: undefined, name: undefined, selector: undefined };
  const selector = data.slice(0, 10) as Hex;
  try {
    const parsed = ERRORS.parseError(data);
    if (parsed === null) return { text: undefined, name: undefined, selector };
    return { text: `${parsed.name}(${parsed.args.join(', ')})`, name: parsed.name, selector };
  } catch {
    // A known selector with arguments that do not decode is as good as unknown.
    return { text: undefined, name: undefined, selector };
  }
}

/** A foreign contract reverts with as many bytes as it likes; more of them tell nobody more. */
const MOST_CHARACTERS = 300;

/**
 * CONTRACT_REVERTED with the facts `error` (bare name, if known), `selector` and `data` (hex, raw, cut when long).
 * `answer` is the node's own sentence, the only hint where it returned no data.
 */
export function revertedError(data: Hex | undefined, answer?: string): PonosError {
  const decoded = decodeRevert(data);
  const what = decoded.text ?? (data === undefined ? undefined : `unknown error ${decoded.selector ?? data}`);
  return new PonosError('CONTRACT_REVERTED', {
    message: `the contract call reverted${what === undefined ? ' without a reason' : ` with ${cut(what)}`}`,
    facts: {
      error: decoded.name,
      selector: decoded.selector,
      data: data && cut(data),
      answer: data === undefined ? answer?.slice(0, MOST_CHARACTERS) : undefined,
    },
  });
}

function cut(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${text.slice(0, MOST_CHARACTERS)}… (${text.length} characters)`;
}

/** The bare name of the contract's error, for a CONTRACT_REVERTED whose error is known. */
export function revertName(error: unknown): string | undefined {
  if (!isPonosError(error, 'CONTRACT_REVERTED')) return undefined;
  return typeof error.facts.error === 'string' ? error.facts.error : undefined;
}
