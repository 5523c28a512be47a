/** The executor's reads of L1: who aggregates for an AVS, and which keys are registered. */
import { type Address, type BlockNumber, blockNumber, type OperatorSet } from '../base/brands.js';
import { readAvsSetup } from '../chain/avs-config.js';
import type { ChainClient } from '../chain/client.js';
import { createAllocationManager } from '../chain/contracts/allocation-manager.js';
import { createCrossChainRegistry } from '../chain/contracts/cross-chain-registry.js';
import { createKeyRegistrar } from '../chain/contracts/key-registrar.js';
import { createOperatorTableUpdater } from '../chain/contracts/operator-table-updater.js';
import type { L1CoreAddresses } from '../config/known-chains.js';
import { equalG1, G1_INFINITY } from '../crypto/bn254/points.js';
import { type CurveName, curveNameOf } from '../crypto/curve.js';
import type { RegisteredKey } from '../protocol/registered-key.js';
import type { AggregatorSet, AuthorityReader } from './admit-authority.js';

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`;

/**
 * Reads through `l1`, whose answers at a numbered block are kept.
 * @param chains every configured chain, L1 included: their table updaters know reference timestamps
 */
export function createAuthorityReader(
  l1: ChainClient,
  addresses: L1CoreAddresses,
  chains: readonly ChainClient[],
): AuthorityReader {
  const allocationManager = createAllocationManager(l1, addresses.allocationManager);
  const keyRegistrar = createKeyRegistrar(l1, addresses.keyRegistrar);
  const registry = createCrossChainRegistry(l1, addresses.crossChainRegistry);

  const curve = async (operatorSet: OperatorSet, at: BlockNumber): Promise<CurveName | undefined> =>
    curveNameOf(await keyRegistrar.getOperatorSetCurveType(operatorSet, at));

  const setup = (avs: Address, at: BlockNumber) =>
    readAvsSetup({ l1, allocationManager: addresses.allocationManager, avs, at });

  return {
    curve,

    async executorSets(avs: Address, at: BlockNumber): Promise<readonly number[]> {
      return (await setup(avs, at)).executorOperatorSetIds;
    },

    async aggregators(avs: Address, at: BlockNumber): Promise<AggregatorSet> {
      const config = await setup(avs, at);
      const operatorSet = { avs, id: config.aggregatorOperatorSetId };
      return { operatorSet, members: new Set(await allocationManager.getMembers(operatorSet, at)) };
    },

    async registeredKey(
      operatorSet: OperatorSet,
      operator: Address,
      at: BlockNumber,
    ): Promise<RegisteredKey | undefined> {
      switch (await curve(operatorSet, at)) {
        case 'bn254': {
          const publicKey = await keyRegistrar.getBn254Key(operatorSet, operator, at);
          return equalG1(publicKey.g1, G1_INFINITY) ? undefined : { curve: 'bn254', publicKey };
        }
        case 'ecdsa': {
          const address = await keyRegistrar.getEcdsaAddress(operatorSet, operator, at);
          return address === ZERO_ADDRESS ? undefined : { curve: 'ecdsa', address };
        }
        default:
          return undefined;
      }
    },

    async tableBlocks(referenceTimestamp: number): Promise<readonly BlockNumber[]> {
      const updaters = await registry.getSupportedChains('latest');
      const blocks = await Promise.all(
        chains.map(async (chain) => {
          const updater = updaters.get(chain.chainId);
          if (updater === undefined) return blockNumber(0);
          return createOperatorTableUpdater(chain, updater).getReferenceBlockNumberByTimestamp(
            referenceTimestamp,
            'latest',
          );
        }),
      );
      return [...new Set(blocks)].filter((block) => block > 0);
    },
  };
}
