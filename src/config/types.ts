/** The configuration as the program sees it: parsed, defaults applied, older spellings folded. */
import type { Value } from './option.js';
import type { Role, SchemaOf } from './role.js';
import type { chainOption } from './schema/chain.js';

/** The file's keys one to one: what a file says, with defaults. */
export type WrittenConfig<R extends Role> = Value<SchemaOf<R>>;

type WrittenChain = Value<typeof chainOption>;

/** A chain with its endpoints in order of preference and one poll interval. */
export type ChainConfig = Omit<
  WrittenChain,
  'name' | 'rpcUrl' | 'rpcUrls' | 'pollIntervalSeconds' | 'pollIntervalMs'
> & {
  readonly name: string;
  /** At least one; without repetitions. */
  readonly rpcUrls: readonly string[];
  readonly pollIntervalMs: number;
};

export type AggregatorConfig = Omit<WrittenConfig<'aggregator'>, 'chains'> & {
  /** L1 (`l1ChainId`) is one of them. */
  readonly chains: readonly ChainConfig[];
};

export type ExecutorConfig = Omit<
  WrittenConfig<'executor'>,
  'chains' | 'l1Chain' | 'managementServerGrpcPort'
> & {
  readonly l1Chain: ChainConfig;
  /** `l1Chain` is always one of them. */
  readonly chains: readonly ChainConfig[];
  readonly managementServerGrpcPort: number;
};

export type ConfigOf<R extends Role> = R extends 'aggregator' ? AggregatorConfig : ExecutorConfig;

/** Where a node is reached and how, and where its state is: what most commands ask of its configuration. */
export type AccessConfig = Pick<
  ConfigOf<Role>,
  'grpc' | 'authentication' | 'storage' | 'managementServerGrpcPort'
>;

/** The keys that `AccessConfig` is made of. */
export type WrittenAccess<R extends Role> = Pick<
  WrittenConfig<R>,
  Extract<keyof WrittenConfig<R>, AccessKey>
>;
export type AccessKey = keyof AccessConfig | 'grpcPort';

type Common = AggregatorConfig | ExecutorConfig;
export type StorageConfig = Common['storage'];
export type LoggingConfig = Common['logging'];
export type GrpcConfig = Common['grpc'];
export type AuthenticationConfig = Common['authentication'];
export type SigningKeysConfig = Common['operator']['signingKeys'];
export type OperatorPrivateKeyConfig = AggregatorConfig['operator']['operatorPrivateKey'];
export type RemoteSignerConfig = NonNullable<OperatorPrivateKeyConfig['remoteSignerConfig']>;
export type PerformerConfig = ExecutorConfig['avsPerformers'][number];
export type PerformerEnvConfig = PerformerConfig['envs'][number];
