/** KeyRegistrar (L1): the keys with which operators sign in an operator set. */
import { type Address, type OperatorSet, parseAddress } from '../../base/brands.js';
import type { G1Point, G2Point } from '../../crypto/bn254/points.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  G1_POINT,
  G2_POINT,
  OPERATOR_SET,
  operatorSetArgument,
  parseG1,
  parseG2,
  parseSmall,
} from '../contract.js';

export const KEY_REGISTRAR_ABI = new ContractAbi('KeyRegistrar', [
  `function getOperatorSetCurveType(${OPERATOR_SET} operatorSet) view returns (uint8)`,
  `function getBN254Key(${OPERATOR_SET} operatorSet, address operator) view returns (${G1_POINT} g1Point, ${G2_POINT} g2Point)`,
  `function getECDSAAddress(${OPERATOR_SET} operatorSet, address operator) view returns (address)`,
  `function isRegistered(${OPERATOR_SET} operatorSet, address operator) view returns (bool)`,
  `function getOperatorFromSigningKey(${OPERATOR_SET} operatorSet, bytes signingKey) view returns (address, bool)`,
]);

export function createKeyRegistrar(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, KEY_REGISTRAR_ABI, address);
  return {
    address,
    /** 0 none, 1 ECDSA, 2 BN254. */
    getOperatorSetCurveType: (operatorSet: OperatorSet, at: BlockTag): Promise<number> =>
      contract.read('getOperatorSetCurveType', [operatorSetArgument(operatorSet)], at, ([type]) =>
        parseSmall(type),
      ),
    /** Both halves; all coordinates 0 for an operator without a key. */
    getBn254Key: (
      operatorSet: OperatorSet,
      operator: Address,
      at: BlockTag,
    ): Promise<{ readonly g1: G1Point; readonly g2: G2Point }> =>
      contract.read('getBN254Key', [operatorSetArgument(operatorSet), operator], at, ([g1, g2]) => ({
        g1: parseG1(g1),
        g2: parseG2(g2),
      })),
    /** The signing address; the zero address for an operator without a key. */
    getEcdsaAddress: (operatorSet: OperatorSet, operator: Address, at: BlockTag): Promise<Address> =>
      contract.read('getECDSAAddress', [operatorSetArgument(operatorSet), operator], at, ([signer]) =>
        parseAddress(signer),
      ),
    /** Whose signing address it is, also after that operator has left (`isRegistered` false then). */
    getOperatorFromEcdsaSigner: (
      operatorSet: OperatorSet,
      signer: Address,
      at: BlockTag,
    ): Promise<{ readonly operator: Address; readonly isRegistered: boolean }> =>
      contract.read(
        'getOperatorFromSigningKey',
        [operatorSetArgument(operatorSet), signer],
        at,
        ([operator, is]) => ({
          operator: parseAddress(operator),
          isRegistered: is === true,
        }),
      ),
  };
}
