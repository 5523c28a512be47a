/** The BN254 operator table calculator (L1): weights of an operator set's members, and the tree's leaves. */
import type { Result } from 'ethers';
import { type Address, type OperatorSet, parseAddress } from '../../base/brands.js';
import type { Bn254OperatorInfo } from '../../protocol/operator-table.js';
import type { OperatorWeights } from '../../protocol/table-alignment.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  G1_POINT,
  OPERATOR_SET,
  operatorSetArgument,
  parseBigInt,
  parseG1,
  parseList,
} from '../contract.js';

export const BN254_TABLE_CALCULATOR_ABI = new ContractAbi('BN254TableCalculator', [
  `function getOperatorSetWeights(${OPERATOR_SET} operatorSet) view returns (address[] operators, uint256[][] weights)`,
  `function getOperatorInfos(${OPERATOR_SET} operatorSet) view returns ((${G1_POINT} pubkey, uint256[] weights)[])`,
]);

export function createBn254TableCalculator(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, BN254_TABLE_CALCULATOR_ABI, address);
  return {
    address,
    getOperatorSetWeights: (operatorSet: OperatorSet, at: BlockTag): Promise<OperatorWeights[]> =>
      contract.read('getOperatorSetWeights', [operatorSetArgument(operatorSet)], at, ([operators, weights]) =>
        operators.toArray().map((operator: string, index: number) => ({
          operator: parseAddress(operator),
          weights: parseList(weights[index], parseBigInt),
        })),
      ),
    /** Aligned with the weights; a member without a key is a hole, all zero, that the tree leaves out. */
    getOperatorInfos: (operatorSet: OperatorSet, at: BlockTag): Promise<Bn254OperatorInfo[]> =>
      contract.read('getOperatorInfos', [operatorSetArgument(operatorSet)], at, ([infos]) =>
        infos.toArray().map((info: [Result, Result]) => ({
          pubkey: parseG1(info[0]),
          weights: parseList(info[1], parseBigInt),
        })),
      ),
  };
}
