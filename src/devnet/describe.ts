/** What a running devnet looks like from its chains. */
import type { Address } from '../base/brands.js';
import { type Artifacts, attachL1, attachTaskChain, type L1Contracts } from './deploy.js';
import { L1_CHAIN_ID } from './plan.js';
import { SetupChain } from './setup-chain.js';
import type { DevnetState } from './state.js';

export interface DevnetDescription {
  readonly chains: readonly {
    readonly name: string;
    readonly chainId: number;
    readonly url: string;
    readonly block: number;
    readonly timestampSeconds: number;
    /** Reference timestamp of the newest operator tables on this chain. */
    readonly referenceTimestamp: number;
  }[];
  readonly operators: readonly {
    readonly name: string;
    readonly address: Address;
    readonly socket: string;
    /** Stake on L1 now, by operator set; absent where the operator is no member. */
    readonly stake: Readonly<Record<string, string>>;
  }[];
}

/** @throws what the chains' endpoints throw when one of them is gone */
export async function describeDevnet(state: DevnetState, artifacts: Artifacts): Promise<DevnetDescription> {
  const open = state.chains.map((chain) => ({
    ...chain,
    handle: new SetupChain(chain.url, chain.chainId, true),
  }));
  try {
    const chains = await Promise.all(
      open.map(async ({ handle, name, chainId, url }) => {
        const { updater } = attachTaskChain(artifacts, chainId);
        const [head, [referenceTimestamp]] = await Promise.all([
          handle.head(),
          handle.read(updater, 'getLatestReferenceTimestamp', []),
        ]);
        const { number: block, timestampSeconds } = head;
        return {
          name,
          chainId,
          url,
          block,
          timestampSeconds,
          referenceTimestamp: Number(referenceTimestamp),
        };
      }),
    );
    const l1 = open.find(({ chainId }) => chainId === L1_CHAIN_ID);
    const stakes = l1 === undefined ? [] : await readStakes(l1.handle, attachL1(artifacts), state);
    const operators = [state.aggregator, ...state.executors].map(({ name, address, socket }) => ({
      name,
      address,
      socket,
      stake: Object.fromEntries(
        stakes.flatMap(({ setId, byOperator }) => {
          const stake = byOperator.get(address);
          return stake === undefined ? [] : [[String(setId), stake]];
        }),
      ),
    }));
    return { chains, operators };
  } finally {
    for (const { handle } of open) handle.close();
  }
}

async function readStakes(
  l1: SetupChain,
  contracts: L1Contracts,
  state: DevnetState,
): Promise<{ setId: number; byOperator: Map<string, string> }[]> {
  return Promise.all(
    state.operatorSets.map(async ({ id, curve }) => {
      const calculator = curve === 'bn254' ? contracts.bn254Calculator : contracts.ecdsaCalculator;
      const [operators, weights] = await l1.read(calculator, 'getOperatorSetWeights', [[state.avs, id]]);
      const byOperator = new Map<string, string>();
      for (const [index, operator] of (operators as string[]).entries()) {
        byOperator.set(operator.toLowerCase(), String((weights as bigint[][])[index]?.[0] ?? 0n));
      }
      return { setId: id, byOperator };
    }),
  );
}
