/** Asking a certificate verifier whether it takes a certificate, as the mailbox asks it: without mailbox and hook. */
import { AbiCoder, type Result } from 'ethers';
import type { Address, Hex, OperatorSet } from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import { isPonosError, type PonosError } from '../../base/error.js';
import type { CurveName } from '../../crypto/curve.js';
import { type Caller, type ContractAbi, operatorSetArgument } from '../contract.js';
import { BN254_CERTIFICATE, BN254_CERTIFICATE_VERIFIER_ABI } from './bn254-certificate-verifier.js';
import { ECDSA_CERTIFICATE, ECDSA_CERTIFICATE_VERIFIER_ABI } from './ecdsa-certificate-verifier.js';
import { revertedError } from './errors.js';

export interface CertificateQuestion {
  readonly caller: Caller;
  readonly curve: CurveName;
  /** The verifier of that curve. */
  readonly verifier: Address;
  readonly operatorSet: OperatorSet;
  /** `abi.encode(certificate)`. */
  readonly certificate: Uint8Array;
  /** In bips, one for each stake type of the table. */
  readonly thresholds: readonly number[];
}

const OF_CURVE: Readonly<Record<CurveName, { readonly abi: ContractAbi; readonly tuple: string }>> = {
  bn254: { abi: BN254_CERTIFICATE_VERIFIER_ABI, tuple: BN254_CERTIFICATE },
  ecdsa: { abi: ECDSA_CERTIFICATE_VERIFIER_ABI, tuple: ECDSA_CERTIFICATE },
};

const FUNCTION = 'verifyCertificateProportion';

/** Selector of `ThresholdNotMet()`, by which the mailbox tells that the verifier said no. */
const THRESHOLD_NOT_MET = '0x59fa4a93' as Hex;

/**
 * Why the verifier refuses the certificate at the head, as CONTRACT_REVERTED with its error by name; undefined when it
 * takes it.
 * @throws PonosError of the client
 */
export async function certificateRefusal(question: CertificateQuestion): Promise<PonosError | undefined> {
  const { caller, curve, verifier: to, operatorSet, certificate, thresholds } = question;
  const { abi, tuple } = OF_CURVE[curve];
  const [decoded]: Result = AbiCoder.defaultAbiCoder().decode([tuple], toHex(certificate));
  const data = abi.encode(FUNCTION, [operatorSetArgument(operatorSet), decoded, thresholds]);
  try {
    const answer = await caller.call({ to, data, at: 'latest' });
    const [isMet] = abi.interface.decodeFunctionResult(FUNCTION, toHex(answer));
    return isMet === true ? undefined : revertedError(THRESHOLD_NOT_MET);
  } catch (error) {
    if (isPonosError(error, 'CONTRACT_REVERTED')) return error;
    throw error;
  }
}
