/** AllocationManager (L1): operator sets, their members, and the registrar of each AVS. */
import { type Address, type OperatorSet, parseAddress } from '../../base/brands.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  OPERATOR_SET,
  operatorSetArgument,
  parseList,
} from '../contract.js';

export const ALLOCATION_MANAGER_ABI = new ContractAbi('AllocationManager', [
  'function getAVSRegistrar(address avs) view returns (address)',
  `function getMembers(${OPERATOR_SET} operatorSet) view returns (address[])`,
  `function isMemberOfOperatorSet(address operator, ${OPERATOR_SET} operatorSet) view returns (bool)`,
  `function isOperatorSet(${OPERATOR_SET} operatorSet) view returns (bool)`,
]);

export function createAllocationManager(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, ALLOCATION_MANAGER_ABI, address);
  return {
    address,
    /** The AVS itself when it has set none. */
    getAvsRegistrar: (avs: Address, at: BlockTag): Promise<Address> =>
      contract.read('getAVSRegistrar', [avs], at, ([registrar]) => parseAddress(registrar)),
    getMembers: (operatorSet: OperatorSet, at: BlockTag): Promise<Address[]> =>
      contract.read('getMembers', [operatorSetArgument(operatorSet)], at, ([members]) =>
        parseList(members, (member) => parseAddress(String(member))),
      ),
    isMemberOfOperatorSet: (operator: Address, operatorSet: OperatorSet, at: BlockTag): Promise<boolean> =>
      contract.read(
        'isMemberOfOperatorSet',
        [operator, operatorSetArgument(operatorSet)],
        at,
        ([isMember]) => isMember === true,
      ),
  };
}
