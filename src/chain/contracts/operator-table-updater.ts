/** OperatorTableUpdater (every chain with tasks): which L1 block each reference timestamp stands for. */
import { type Address, type BlockNumber, blockNumber } from '../../base/brands.js';
import type { BlockTag } from '../client.js';
import { BoundContract, type Caller, ContractAbi, parseBigInt, parseSmall } from '../contract.js';

export const OPERATOR_TABLE_UPDATER_ABI = new ContractAbi('OperatorTableUpdater', [
  'function getLatestReferenceTimestamp() view returns (uint32)',
  'function getReferenceBlockNumberByTimestamp(uint32 referenceTimestamp) view returns (uint32)',
  'function isRootValidByTimestamp(uint32 referenceTimestamp) view returns (bool)',
]);

export function createOperatorTableUpdater(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, OPERATOR_TABLE_UPDATER_ABI, address);
  return {
    address,
    getLatestReferenceTimestamp: (at: BlockTag): Promise<number> =>
      contract.read('getLatestReferenceTimestamp', [], at, ([time]) => parseSmall(time)),
    /** An L1 block; 0 for a timestamp that was never confirmed. */
    getReferenceBlockNumberByTimestamp: (referenceTimestamp: number, at: BlockTag): Promise<BlockNumber> =>
      contract.read('getReferenceBlockNumberByTimestamp', [referenceTimestamp], at, ([block]) =>
        blockNumber(parseBigInt(block)),
      ),
    /** False once the root of that timestamp was disabled. */
    isRootValidByTimestamp: (referenceTimestamp: number, at: BlockTag): Promise<boolean> =>
      contract.read('isRootValidByTimestamp', [referenceTimestamp], at, ([isValid]) => isValid === true),
  };
}
