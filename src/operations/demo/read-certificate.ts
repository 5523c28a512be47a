/** Who signed a certificate that the chain accepted. */
import { AbiCoder } from 'ethers';
import { type Address, parseHex } from '../../base/brands.js';
import { fromHex } from '../../base/bytes.js';
import { BN254_CERTIFICATE } from '../../chain/contracts/bn254-certificate-verifier.js';
import { ECDSA_CERTIFICATE } from '../../chain/contracts/ecdsa-certificate-verifier.js';
import type { Bn254 } from '../../crypto/bn254/bn254.js';
import type { CurveName } from '../../crypto/curve.js';
import { recoverEcdsa } from '../../crypto/ecdsa.js';
import { keccak256 } from '../../crypto/keccak.js';
import type { CastOperator } from '../../devnet/cast.js';
import { ecdsaCertificatePreimage, ecdsaDomainSeparator } from '../../protocol/result.js';

const SIGNATURE_BYTES = 65;

export interface CertificateReading {
  readonly curve: CurveName;
  readonly certificate: Uint8Array;
  readonly operators: readonly CastOperator[];
  /** The verifier whose address is in the ECDSA domain. */
  readonly ecdsaVerifier: Address;
  readonly bn254: Bn254;
}

/**
 * The operators behind a certificate. BN254 certificates name those who did not sign, by public key;
 * ECDSA ones carry the signatures, which recover to signing addresses.
 */
export function signersOf(reading: CertificateReading): CastOperator[] {
  return reading.curve === 'bn254' ? bn254Signers(reading) : ecdsaSigners(reading);
}

function bn254Signers({ certificate, operators, bn254 }: CertificateReading): CastOperator[] {
  const [decoded] = AbiCoder.defaultAbiCoder().decode([BN254_CERTIFICATE], certificate);
  const missing = new Set<bigint>();
  for (const witness of decoded.nonSignerWitnesses) missing.add(witness.operatorInfo.pubkey.X);
  return operators.filter((operator) => !missing.has(bn254.derivePublicKey(operator.bn254Secret).g1.x));
}

function ecdsaSigners({ certificate, operators, ecdsaVerifier }: CertificateReading): CastOperator[] {
  const [decoded] = AbiCoder.defaultAbiCoder().decode([ECDSA_CERTIFICATE], certificate);
  const preimage = ecdsaCertificatePreimage(
    Number(decoded.referenceTimestamp),
    fromHex(parseHex(decoded.messageHash)),
    ecdsaDomainSeparator(ecdsaVerifier),
  );
  const digest = keccak256(preimage);
  const signatures = fromHex(parseHex(decoded.sig));
  const addresses = new Set<Address>();
  for (let from = 0; from < signatures.length; from += SIGNATURE_BYTES) {
    addresses.add(recoverEcdsa(digest, signatures.subarray(from, from + SIGNATURE_BYTES)));
  }
  return operators.filter((operator) => addresses.has(operator.ecdsaSigning.address));
}
