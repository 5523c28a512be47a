/** ECDSACertificateVerifier: holds each operator table's signing addresses and checks ECDSA certificates. */
import { type Address, type Hash32, type OperatorSet, parseAddress, parseHash32 } from '../../base/brands.js';
import type { EcdsaOperatorInfo } from '../../protocol/operator-table.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  OPERATOR_SET,
  operatorSetArgument,
  parseBigInt,
  parseBytes,
  parseList,
  parseSmall,
} from '../contract.js';

/** ABI type of a certificate. */
export const ECDSA_CERTIFICATE = '(uint32 referenceTimestamp, bytes32 messageHash, bytes sig)';

export const ECDSA_CERTIFICATE_VERIFIER_ABI = new ContractAbi('ECDSACertificateVerifier', [
  'function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) view returns (bytes32)',
  'function calculateCertificateDigestBytes(uint32 referenceTimestamp, bytes32 messageHash) view returns (bytes)',
  `function latestReferenceTimestamp(${OPERATOR_SET} operatorSet) view returns (uint32)`,
  `function verifyCertificateProportion(${OPERATOR_SET} operatorSet, ${ECDSA_CERTIFICATE} certificate, uint16[] thresholds) view returns (bool, address[])`,
  `function getOperatorInfos(${OPERATOR_SET} operatorSet, uint32 referenceTimestamp) view returns ((address pubkey, uint256[] weights)[])`,
  `function getTotalStakeWeights(${OPERATOR_SET} operatorSet, uint32 referenceTimestamp) view returns (uint256[])`,
  'function domainSeparator() view returns (bytes32)',
  `function maxOperatorTableStaleness(${OPERATOR_SET} operatorSet) view returns (uint32)`,
]);

export function createEcdsaCertificateVerifier(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, ECDSA_CERTIFICATE_VERIFIER_ABI, address);
  return {
    address,
    /** The 66-byte EIP-712 preimage. */
    calculateCertificateDigestBytes: (
      referenceTimestamp: number,
      messageHash: Hash32,
      at: BlockTag,
    ): Promise<Uint8Array> =>
      contract.read('calculateCertificateDigestBytes', [referenceTimestamp, messageHash], at, ([bytes]) =>
        parseBytes(bytes),
      ),
    domainSeparator: (at: BlockTag): Promise<Hash32> =>
      contract.read('domainSeparator', [], at, ([separator]) => parseHash32(separator)),
    /** In the table's order. */
    getOperatorInfos: (
      operatorSet: OperatorSet,
      referenceTimestamp: number,
      at: BlockTag,
    ): Promise<EcdsaOperatorInfo[]> =>
      contract.read(
        'getOperatorInfos',
        [operatorSetArgument(operatorSet), referenceTimestamp],
        at,
        ([infos]) =>
          infos.toArray().map((info: [string, typeof infos]) => ({
            signer: parseAddress(info[0]),
            weights: parseList(info[1], parseBigInt),
          })),
      ),
    /** Seconds a table stays usable; 0 means for ever. */
    maxOperatorTableStaleness: (operatorSet: OperatorSet, at: BlockTag): Promise<number> =>
      contract.read('maxOperatorTableStaleness', [operatorSetArgument(operatorSet)], at, ([age]) =>
        parseSmall(age),
      ),
  };
}
