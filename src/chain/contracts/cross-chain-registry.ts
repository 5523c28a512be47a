/** CrossChainRegistry (L1): the chains that receive operator tables, and who calculates each table. */
import { type Address, type ChainId, chainId, type OperatorSet, parseAddress } from '../../base/brands.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  OPERATOR_SET,
  operatorSetArgument,
  parseBigInt,
  parseList,
} from '../contract.js';

export const CROSS_CHAIN_REGISTRY_ABI = new ContractAbi('CrossChainRegistry', [
  'function getSupportedChains() view returns (uint256[] chainIds, address[] operatorTableUpdaters)',
  `function getOperatorTableCalculator(${OPERATOR_SET} operatorSet) view returns (address)`,
]);

export function createCrossChainRegistry(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, CROSS_CHAIN_REGISTRY_ABI, address);
  return {
    address,
    /** Each chain's OperatorTableUpdater. */
    getSupportedChains: (at: BlockTag): Promise<ReadonlyMap<ChainId, Address>> =>
      contract.read('getSupportedChains', [], at, ([ids, updaters]) => {
        const addresses = parseList(updaters, (updater) => parseAddress(String(updater)));
        return new Map(
          parseList(ids, (id) => chainId(parseBigInt(id))).flatMap((id, index) => {
            const updater = addresses[index];
            return updater === undefined ? [] : [[id, updater] as const];
          }),
        );
      }),
    /** The zero address for an operator set without a reservation. */
    getOperatorTableCalculator: (operatorSet: OperatorSet, at: BlockTag): Promise<Address> =>
      contract.read('getOperatorTableCalculator', [operatorSetArgument(operatorSet)], at, ([calculator]) =>
        parseAddress(calculator),
      ),
  };
}
