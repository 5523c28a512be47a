/** Which L1 and which ReleaseManager a `ponos release` command means. */
import { type Address, chainId, parseAddress } from '../../base/brands.js';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { silentLogger } from '../../base/logger.js';
import { type ChainClient, createChainClient } from '../../chain/client.js';
import { createReleaseManager, type ReleaseManager } from '../../chain/contracts/release-manager.js';
import { knownAddresses } from '../../config/known-chains.js';
import { loadConfig } from '../../config/load.js';
import type { ExecutorConfig } from '../../config/types.js';
import { optionalFlagValue } from '../flag-value.js';
import { openEndpoint } from '../task/target.js';

export interface ReleaseFlags {
  readonly avs?: string;
  readonly operatorSet: number;
  /** An executor's configuration: its L1, its contracts, its AVSs. */
  readonly config?: string;
  readonly devnet?: string;
  readonly rpcUrl?: string;
  readonly releaseManager?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface OpenedReleases {
  readonly client: ChainClient;
  readonly manager: ReleaseManager;
  readonly avs: Address;
  /** Of `--config`. */
  readonly config: ExecutorConfig | undefined;
}

/** `client` must be closed. @throws PonosError USAGE, CONFIG_INVALID, DEVNET_FAILED, CHAIN_UNREACHABLE */
export async function openReleases(flags: ReleaseFlags): Promise<OpenedReleases> {
  const { config: file, env } = flags;
  const namedAvs = optionalFlagValue('--avs', flags.avs, parseAddress);
  const namedManager = optionalFlagValue('--release-manager', flags.releaseManager, parseAddress);
  const config = file === undefined ? undefined : (await loadConfig('executor', { file, env })).config;
  const { client, avs: usual } =
    config === undefined ? await openEndpoint({ ...flags, chain: 'L1' }) : openConfigured(config);
  try {
    const avs = namedAvs ?? usual;
    if (avs === undefined) {
      throw new PonosError('USAGE', { message: 'no AVS is named', advice: 'Give --avs ADDRESS.' });
    }
    const manager = createReleaseManager(client, namedManager ?? knownManager(client, config));
    await client.start();
    return { client, manager, avs, config };
  } catch (error) {
    await client.close();
    throw error;
  }
}

function openConfigured({ l1Chain, avsPerformers }: ExecutorConfig) {
  const client = createChainClient({
    chainId: chainId(l1Chain.chainId),
    name: l1Chain.name,
    rpcUrls: l1Chain.rpcUrls,
    clock: systemClock,
    logger: silentLogger,
  });
  const [first, second] = avsPerformers;
  return { client, avs: second === undefined ? first?.avsAddress : undefined };
}

function knownManager(client: ChainClient, config: ExecutorConfig | undefined): Address {
  const known = knownAddresses(client.chainId, config ?? {}).releaseManager;
  if (known !== undefined) return known;
  throw new PonosError('USAGE', {
    message: `no ReleaseManager is known on chain ${client.chainId}`,
    advice: 'Is it an L1? Name the contract with --release-manager ADDRESS.',
  });
}
