/** An AVS's registrar (L1, ITaskAVSRegistrar): which operator sets do what, and where operators listen. */
import type { Address } from '../../base/brands.js';
import type { BlockTag } from '../client.js';
import { BoundContract, type Caller, ContractAbi, parseList, parseSmall } from '../contract.js';

export const AVS_REGISTRAR_ABI = new ContractAbi('AVS registrar', [
  'function getAvsConfig() view returns ((uint32 aggregatorOperatorSetId, uint32[] executorOperatorSetIds))',
  'function getOperatorSocket(address operator) view returns (string)',
]);

export interface AvsConfig {
  readonly aggregatorOperatorSetId: number;
  readonly executorOperatorSetIds: readonly number[];
}

export function createAvsRegistrar(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, AVS_REGISTRAR_ABI, address);
  return {
    address,
    getAvsConfig: (at: BlockTag): Promise<AvsConfig> =>
      contract.read('getAvsConfig', [], at, ([config]) => ({
        aggregatorOperatorSetId: parseSmall(config[0]),
        executorOperatorSetIds: parseList(config[1], parseSmall),
      })),
    /** `host:port` as the operator published it, unchecked; empty for none. */
    getOperatorSocket: (operator: Address, at: BlockTag): Promise<string> =>
      contract.read('getOperatorSocket', [operator], at, ([socket]) => String(socket)),
  };
}
