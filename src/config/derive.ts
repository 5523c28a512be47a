/** From the file's keys to what the program asks for: one poll interval, one list of endpoints, one storage type. */
import { knownChain } from './known-chains.js';
import type { AggregatorConfig, ChainConfig, ExecutorConfig, WrittenConfig } from './types.js';

export function deriveAggregator(written: WrittenConfig<'aggregator'>): AggregatorConfig {
  return { ...written, ...deriveCommon(written), chains: written.chains.map(deriveChain) };
}

export function deriveExecutor(written: WrittenConfig<'executor'>): ExecutorConfig {
  const listed = written.chains.map(deriveChain);
  const l1Chain = deriveChain(written.l1Chain);
  return {
    ...written,
    ...deriveCommon(written),
    l1Chain,
    // L1 comes first; what `chains` says about it again adds nothing.
    chains: [l1Chain, ...listed.filter((chain) => chain.chainId !== l1Chain.chainId)],
    managementServerGrpcPort: written.managementServerGrpcPort ?? written.grpcPort,
  };
}

type Written = WrittenConfig<'aggregator'> | WrittenConfig<'executor'>;

function deriveCommon({ debug, logging, storage }: Written): Pick<Written, 'logging' | 'storage'> {
  return {
    logging: debug ? { ...logging, level: 'debug' } : logging,
    storage: storage.type === 'badger' && storage.badger.inMemory ? { ...storage, type: 'memory' } : storage,
  };
}

function deriveChain(written: WrittenConfig<'aggregator'>['chains'][number]): ChainConfig {
  const { name, rpcUrl, rpcUrls, pollIntervalSeconds, pollIntervalMs, ...rest } = written;
  return {
    ...rest,
    name: name ?? knownChain(written.chainId)?.name ?? String(written.chainId),
    rpcUrls: [...new Set(rpcUrl === undefined ? rpcUrls : [rpcUrl, ...rpcUrls])],
    pollIntervalMs: pollIntervalMs ?? Math.round(pollIntervalSeconds * 1_000),
  };
}
