/** From the file's keys to what the program asks for: one poll interval, one list of endpoints, one storage type. */
import { knownChain } from './known-chains.js';
import type {
  AccessConfig,
  AggregatorConfig,
  ChainConfig,
  ExecutorConfig,
  StorageConfig,
  WrittenAccess,
  WrittenConfig,
} from './types.js';

export function deriveAggregator(written: WrittenConfig<'aggregator'>): AggregatorConfig {
  return {
    ...written,
    ...accessOfAggregator(written),
    logging: deriveLogging(written),
    chains: written.chains.map(deriveChain),
  };
}

export function deriveExecutor(written: WrittenConfig<'executor'>): ExecutorConfig {
  const listed = written.chains.map(deriveChain);
  const l1Chain = deriveChain(written.l1Chain);
  return {
    ...written,
    ...accessOfExecutor(written),
    logging: deriveLogging(written),
    l1Chain,
    // L1 comes first; what `chains` says about it again adds nothing.
    chains: [l1Chain, ...listed.filter((chain) => chain.chainId !== l1Chain.chainId)],
  };
}

export function accessOfAggregator(written: WrittenAccess<'aggregator'>): AccessConfig {
  const { grpc, authentication, storage, managementServerGrpcPort } = written;
  return { grpc, authentication, storage: deriveStorage(storage), managementServerGrpcPort };
}

export function accessOfExecutor(written: WrittenAccess<'executor'>): AccessConfig {
  const { grpc, authentication, storage, managementServerGrpcPort = written.grpcPort } = written;
  return { grpc, authentication, storage: deriveStorage(storage), managementServerGrpcPort };
}

type Written = WrittenConfig<'aggregator'> | WrittenConfig<'executor'>;

function deriveLogging({ debug, logging }: Written): Written['logging'] {
  return debug ? { ...logging, level: 'debug' } : logging;
}

function deriveStorage(storage: StorageConfig): StorageConfig {
  return storage.type === 'badger' && storage.badger.inMemory ? { ...storage, type: 'memory' } : storage;
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
