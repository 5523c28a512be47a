/** The keys of everyone on a devnet, derived from the public development phrase. */
import { hkdfSync } from 'node:crypto';
import { HDNodeWallet } from 'ethers';
import { type Address, parseAddress, parseHex } from '../base/brands.js';
import { fromHex, toBigInt } from '../base/bytes.js';
import { GROUP_ORDER } from '../crypto/bn254/points.js';
import { DEVNET_MNEMONIC } from './plan.js';

/** An account: an address and the key that signs its transactions. */
export interface Account {
  readonly address: Address;
  readonly secret: Uint8Array;
}

/** An operator: its account, and signing keys that are no one's account. */
export interface CastOperator extends Account {
  readonly name: string;
  readonly bn254Secret: bigint;
  readonly ecdsaSigning: Account;
}

export interface Cast {
  /** Owns the core contracts and pays for their setup. */
  readonly owner: Account;
  readonly avs: Account;
  /** Creates tasks. */
  readonly user: Account;
  readonly aggregator: CastOperator;
  readonly executors: readonly CastOperator[];
  /** Signs the global table roots. */
  readonly generatorSecret: bigint;
  readonly generatorAvs: Address;
}

/** Number of accounts anvil has to fund for a cast of this size. */
export function fundedAccounts(executors: number): number {
  return FIRST_EXECUTOR + executors;
}

const FIRST_EXECUTOR = 4;

export function createCast(executors: number): Cast {
  return {
    owner: account(0),
    avs: account(1),
    user: account(2),
    aggregator: operator('aggregator', 3),
    executors: Array.from({ length: executors }, (_, index) =>
      operator(`executor-${index + 1}`, FIRST_EXECUTOR + index),
    ),
    generatorSecret: bn254Secret('generator'),
    generatorAvs: parseAddress('0x00000000000000000000000000000000a5000009'),
  };
}

function operator(name: string, index: number): CastOperator {
  return {
    name,
    ...account(index),
    bn254Secret: bn254Secret(name),
    // Account 1 of BIP-44's second hierarchy level: never funded, never an operator address.
    ecdsaSigning: account(index, "m/44'/60'/1'/0"),
  };
}

/** The accounts anvil funds lie on `m/44'/60'/0'/0/index`. */
function account(index: number, path = "m/44'/60'/0'/0"): Account {
  const wallet = HDNodeWallet.fromPhrase(DEVNET_MNEMONIC, undefined, `${path}/${index}`);
  return { address: parseAddress(wallet.address), secret: fromHex(parseHex(wallet.privateKey)) };
}

/** A scalar that is the same on every devnet: HKDF over the phrase, with the name as its info. */
function bn254Secret(name: string): bigint {
  const wide = new Uint8Array(hkdfSync('sha256', DEVNET_MNEMONIC, '', `ponos-devnet-bn254-${name}`, 48));
  return (toBigInt(wide) % (GROUP_ORDER - 1n)) + 1n;
}
