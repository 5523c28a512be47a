/** BN254CertificateVerifier: holds each operator table's root and checks BN254 certificates against it. */
import { type Address, type Hash32, type OperatorSet, parseHash32 } from '../../base/brands.js';
import type { G1Point } from '../../crypto/bn254/points.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  G1_POINT,
  G2_POINT,
  OPERATOR_SET,
  operatorSetArgument,
  parseBigInt,
  parseBytes,
  parseG1,
  parseList,
  parseSmall,
} from '../contract.js';

const WITNESS = `(uint32 operatorIndex, bytes operatorInfoProof, (${G1_POINT} pubkey, uint256[] weights) operatorInfo)`;
/** ABI type of a certificate. */
export const BN254_CERTIFICATE = `(uint32 referenceTimestamp, bytes32 messageHash, ${G1_POINT} signature, ${G2_POINT} apk, ${WITNESS}[] nonSignerWitnesses)`;
const SET_INFO = `(bytes32 operatorInfoTreeRoot, uint256 numOperators, ${G1_POINT} aggregatePubkey, uint256[] totalWeights)`;

export const BN254_CERTIFICATE_VERIFIER_ABI = new ContractAbi('BN254CertificateVerifier', [
  'function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) pure returns (bytes32)',
  `function getOperatorSetInfo(${OPERATOR_SET} operatorSet, uint32 referenceTimestamp) view returns (${SET_INFO})`,
  `function latestReferenceTimestamp(${OPERATOR_SET} operatorSet) view returns (uint32)`,
  `function maxOperatorTableStaleness(${OPERATOR_SET} operatorSet) view returns (uint32)`,
  `function isReferenceTimestampSet(${OPERATOR_SET} operatorSet, uint32 referenceTimestamp) view returns (bool)`,
  `function verifyCertificateProportion(${OPERATOR_SET} operatorSet, ${BN254_CERTIFICATE} certificate, uint16[] thresholds) returns (bool)`,
  `function isNonsignerCached(${OPERATOR_SET} operatorSet, uint32 referenceTimestamp, uint256 operatorIndex) view returns (bool)`,
]);

/** What the verifier keeps of an operator table. All zero for a timestamp without a table. */
export interface Bn254OperatorSetInfo {
  readonly operatorInfoTreeRoot: Hash32;
  readonly numOperators: number;
  readonly aggregatePubkey: G1Point;
  readonly totalWeights: readonly bigint[];
}

export function createBn254CertificateVerifier(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, BN254_CERTIFICATE_VERIFIER_ABI, address);
  return {
    address,
    calculateCertificateDigest: (
      referenceTimestamp: number,
      messageHash: Hash32,
      at: BlockTag,
    ): Promise<Uint8Array> =>
      contract.read('calculateCertificateDigest', [referenceTimestamp, messageHash], at, ([digest]) =>
        parseBytes(digest),
      ),
    getOperatorSetInfo: (
      operatorSet: OperatorSet,
      referenceTimestamp: number,
      at: BlockTag,
    ): Promise<Bn254OperatorSetInfo> =>
      contract.read(
        'getOperatorSetInfo',
        [operatorSetArgument(operatorSet), referenceTimestamp],
        at,
        ([info]) => ({
          operatorInfoTreeRoot: parseHash32(info[0]),
          numOperators: parseSmall(info[1]),
          aggregatePubkey: parseG1(info[2]),
          totalWeights: parseList(info[3], parseBigInt),
        }),
      ),
    /** Seconds a table stays usable; 0 means for ever. */
    maxOperatorTableStaleness: (operatorSet: OperatorSet, at: BlockTag): Promise<number> =>
      contract.read('maxOperatorTableStaleness', [operatorSetArgument(operatorSet)], at, ([age]) =>
        parseSmall(age),
      ),
    isNonsignerCached: (
      operatorSet: OperatorSet,
      referenceTimestamp: number,
      operatorIndex: number,
      at: BlockTag,
    ): Promise<boolean> =>
      contract.read(
        'isNonsignerCached',
        [operatorSetArgument(operatorSet), referenceTimestamp, operatorIndex],
        at,
        ([isCached]) => isCached === true,
      ),
  };
}
