/** The chains that Hourglass runs on, and where EigenLayer's core contracts are there. */
import { type Address, parseAddress } from '../base/brands.js';
import { PonosError } from '../base/error.js';

/** Core contracts by the names that `overrideContracts` uses. */
export const CONTRACT_NAMES = [
  'allocationManager',
  'delegationManager',
  'releaseManager',
  'taskMailbox',
  'keyRegistrar',
  'crossChainRegistry',
  'ecdsaCertificateVerifier',
  'bn254CertificateVerifier',
  'bn254TableCalculator',
  'ecdsaTableCalculator',
] as const;
export type ContractName = (typeof CONTRACT_NAMES)[number];

/** What a node must know on every chain that has tasks. */
const NEEDED_EVERYWHERE = [
  'taskMailbox',
  'ecdsaCertificateVerifier',
  'bn254CertificateVerifier',
] as const satisfies readonly ContractName[];
/** What it must know on L1, where operator sets, keys and stake live. */
const NEEDED_ON_L1 = [
  'allocationManager',
  'keyRegistrar',
  'crossChainRegistry',
] as const satisfies readonly ContractName[];

export type CoreAddresses = { readonly [K in (typeof NEEDED_EVERYWHERE)[number]]: Address } & {
  readonly [K in Exclude<ContractName, (typeof NEEDED_EVERYWHERE)[number]>]?: Address;
};
export type L1CoreAddresses = CoreAddresses & {
  readonly [K in (typeof NEEDED_ON_L1)[number]]: Address;
};

export interface KnownChain {
  readonly chainId: number;
  readonly name: string;
  readonly kind: 'l1' | 'l2';
  readonly contracts: Partial<Readonly<Record<ContractName, Address>>>;
}

const MAINNET_TABLE_CALCULATORS = {
  bn254TableCalculator: parseAddress('0x55F4b21681977F412B318eCB204cB933bD1dF57c'),
  ecdsaTableCalculator: parseAddress('0xA933CB4cbD0C4C208305917f56e0C3f51ad713Fa'),
};
const SEPOLIA_TABLE_CALCULATORS = {
  bn254TableCalculator: parseAddress('0x797d076aB96a5d4104062C15c727447fD8b71eB0'),
  ecdsaTableCalculator: parseAddress('0xbcff2Cb40eD4A80e3A9EB095840986F9c8395a38'),
};
const MAINNET_EVERYWHERE = {
  taskMailbox: parseAddress('0x132b466d9d5723531F68797519DfED701aC2C749'),
  ecdsaCertificateVerifier: parseAddress('0xd0930ee96D07de4F9d493c259232222e46B6EC25'),
  bn254CertificateVerifier: parseAddress('0x3F55654b2b2b86bB11bE2f72657f9C33bf88120A'),
};
const SEPOLIA_EVERYWHERE = {
  taskMailbox: parseAddress('0xb99cc53e8db7018f557606c2a5b066527bf96b26'),
  ecdsaCertificateVerifier: parseAddress('0xb3cd1a457dea9a9a6f6406c6419b1c326670a96f'),
  bn254CertificateVerifier: parseAddress('0xff58a373c18268f483c1f5ca03cf885c0c43373a'),
};
const SEPOLIA_L1 = {
  allocationManager: parseAddress('0x42583067658071247ec8ce0a516a58f682002d07'),
  delegationManager: parseAddress('0xd4a7e1bd8015057293f0d0a557088c286942e84b'),
  releaseManager: parseAddress('0x59c8D715DCa616e032B744a753C017c9f3E16bf4'),
  keyRegistrar: parseAddress('0xa4db30d08d8bbca00d40600bee9f029984db162a'),
  crossChainRegistry: parseAddress('0x287381b1570d9048c4b4c7ec94d21ddb8aa1352a'),
};

const CHAINS: readonly KnownChain[] = [
  {
    chainId: 1,
    name: 'ethereum',
    kind: 'l1',
    contracts: {
      ...MAINNET_EVERYWHERE,
      ...MAINNET_TABLE_CALCULATORS,
      allocationManager: parseAddress('0x948a420b8CC1d6BFd0B6087C2E7c344a2CD0bc39'),
      delegationManager: parseAddress('0x39053D51B77DC0d36036Fc1fCc8Cb819df8Ef37A'),
      releaseManager: parseAddress('0xeDA3CAd031c0cf367cF3f517Ee0DC98F9bA80C8F'),
      keyRegistrar: parseAddress('0x54f4bC6bDEbe479173a2bbDc31dD7178408A57A4'),
      crossChainRegistry: parseAddress('0x9376A5863F2193cdE13e1aB7c678F22554E2Ea2b'),
    },
  },
  {
    chainId: 8453,
    name: 'base',
    kind: 'l2',
    contracts: { ...MAINNET_EVERYWHERE, ...MAINNET_TABLE_CALCULATORS },
  },
  {
    chainId: 17_000,
    name: 'holesky',
    kind: 'l1',
    contracts: {
      allocationManager: parseAddress('0x78469728304326cbc65f8f95fa756b0b73164462'),
      delegationManager: parseAddress('0xa44151489861fe9e3055d95adc98fbd462b948e7'),
    },
  },
  { chainId: 560_048, name: 'hoodi', kind: 'l1', contracts: {} },
  {
    chainId: 11_155_111,
    name: 'sepolia',
    kind: 'l1',
    contracts: { ...SEPOLIA_EVERYWHERE, ...SEPOLIA_TABLE_CALCULATORS, ...SEPOLIA_L1 },
  },
  {
    chainId: 84_532,
    name: 'base-sepolia',
    kind: 'l2',
    contracts: { ...SEPOLIA_EVERYWHERE, ...SEPOLIA_TABLE_CALCULATORS },
  },
  {
    chainId: 31_337,
    name: 'local-l1',
    kind: 'l1',
    contracts: { ...SEPOLIA_EVERYWHERE, ...MAINNET_TABLE_CALCULATORS, ...SEPOLIA_L1 },
  },
  {
    chainId: 31_338,
    name: 'local-l2',
    kind: 'l2',
    contracts: { ...SEPOLIA_EVERYWHERE, ...MAINNET_TABLE_CALCULATORS },
  },
];

export const SUPPORTED_CHAIN_IDS: readonly number[] = CHAINS.map((chain) => chain.chainId);
export const L1_CHAIN_IDS: readonly number[] = CHAINS.filter((chain) => chain.kind === 'l1').map(
  (chain) => chain.chainId,
);

export function knownChain(chainId: number): KnownChain | undefined {
  return CHAINS.find((chain) => chain.chainId === chainId);
}

/** The part of a configuration that moves contracts. */
export interface ContractConfig {
  readonly contracts?: {
    readonly contracts: readonly {
      readonly name: string;
      readonly address: Address;
      readonly chainId: number;
    }[];
  };
  readonly overrideContracts?: {
    readonly [K in ContractName]?: { readonly contract: Address; readonly chainIds: readonly number[] };
  };
}

/** `TaskMailbox`, `taskMailbox` and `task-mailbox` are the same contract. */
export function contractNamed(name: string): ContractName | undefined {
  const bare = name.replace(/[^a-z0-9]/gi, '').toLowerCase();
  return CONTRACT_NAMES.find((known) => known.toLowerCase() === bare);
}

/**
 * Every core contract whose address is known on the chain: the built-in list, or `contracts` in
 * its place, and `overrideContracts` above either. An override without chain ids is for all chains.
 */
export function knownAddresses(
  chainId: number,
  config: ContractConfig,
): Partial<Readonly<Record<ContractName, Address>>> {
  const addresses: Partial<Record<ContractName, Address>> = {};
  if (config.contracts === undefined) {
    Object.assign(addresses, knownChain(chainId)?.contracts);
  } else {
    for (const contract of config.contracts.contracts) {
      const name = contractNamed(contract.name);
      if (name !== undefined && contract.chainId === chainId) addresses[name] = contract.address;
    }
  }
  for (const name of CONTRACT_NAMES) {
    const override = config.overrideContracts?.[name];
    if (override && (override.chainIds.length === 0 || override.chainIds.includes(chainId))) {
      addresses[name] = override.contract;
    }
  }
  return addresses;
}

/** The contracts that a node needs on the chain and whose addresses are not known. */
export function missingContracts(chainId: number, role: 'l1' | 'l2', config: ContractConfig): ContractName[] {
  const addresses = knownAddresses(chainId, config);
  const needed: readonly ContractName[] =
    role === 'l1' ? [...NEEDED_EVERYWHERE, ...NEEDED_ON_L1] : NEEDED_EVERYWHERE;
  return needed.filter((name) => addresses[name] === undefined);
}

/** Addresses on any chain with tasks. @throws PonosError CONFIG_INVALID when one is not known */
export function coreAddresses(chainId: number, config: ContractConfig): CoreAddresses {
  const addresses = knownAddresses(chainId, config);
  const { taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier } = addresses;
  if (!taskMailbox || !ecdsaCertificateVerifier || !bn254CertificateVerifier) {
    throw addressesMissing(chainId, missingContracts(chainId, 'l2', config));
  }
  return { ...addresses, taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier };
}

/** Addresses on the chain that holds operator sets. @throws PonosError CONFIG_INVALID when one is not known */
export function l1CoreAddresses(chainId: number, config: ContractConfig): L1CoreAddresses {
  const addresses = coreAddresses(chainId, config);
  const { allocationManager, keyRegistrar, crossChainRegistry } = addresses;
  if (!allocationManager || !keyRegistrar || !crossChainRegistry) {
    throw addressesMissing(chainId, missingContracts(chainId, 'l1', config));
  }
  return { ...addresses, allocationManager, keyRegistrar, crossChainRegistry };
}

function addressesMissing(chainId: number, names: readonly ContractName[]): PonosError {
  return new PonosError('CONFIG_INVALID', {
    message: `no address is known on chain ${chainId} for ${names.join(', ')}`,
    advice: 'Give the addresses under overrideContracts.',
  });
}
