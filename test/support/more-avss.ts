/** More AVSs than the devnet's one: each has a registrar of its own, and its operators have keys of their own for it. */
import { parseAddress } from '../../src/base/brands.js';
import { concatBytes, word } from '../../src/base/bytes.js';
import { GROUP_ORDER } from '../../src/crypto/bn254/points.js';
import { ecdsaAddress } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type { Account, Cast, CastOperator } from '../../src/devnet/cast.js';
import type { Artifacts, L1Contracts } from '../../src/devnet/deploy.js';
import { AGGREGATOR_SET } from '../../src/devnet/register.js';
import type { SetupChain } from '../../src/devnet/setup-chain.js';

const REGISTRAR_ADDRESSES = 0xa5_10_00_00;

/** A key can be registered once: for each AVS but the first an operator has others, which follow from the first's. */
export function withKeysFor(operator: CastOperator, avs: number): CastOperator {
  if (avs === 0) return operator;
  const secret = keccak256(concatBytes(operator.ecdsaSigning.secret, word(avs)));
  return {
    ...operator,
    bn254Secret: (operator.bn254Secret * BigInt(avs + 1)) % GROUP_ORDER,
    ecdsaSigning: { secret, address: ecdsaAddress(secret) },
  };
}

export interface RegistrarPlace {
  readonly chain: SetupChain;
  readonly artifacts: Artifacts;
  readonly cast: Cast;
  readonly contracts: L1Contracts;
  readonly executorSets: readonly { readonly id: number }[];
}

/** The contracts as this AVS sees them. @param index of the AVS, from 1 */
export async function placeRegistrar(
  { chain, artifacts, cast, contracts, executorSets }: RegistrarPlace,
  avs: Account,
  index: number,
): Promise<L1Contracts> {
  const address = parseAddress(`0x${(REGISTRAR_ADDRESSES + index).toString(16).padStart(40, '0')}`);
  await chain.place(address, artifacts.TaskAVSRegistrar?.deployedBytecode ?? '');
  const avsRegistrar = { address, abi: contracts.avsRegistrar.abi };
  await chain.send(cast.owner, avsRegistrar, 'initialize', [
    avs.address,
    avs.address,
    contracts.allocationManager.address,
    contracts.keyRegistrar.address,
    [AGGREGATOR_SET.id, executorSets.map(({ id }) => id)],
  ]);
  return { ...contracts, avsRegistrar };
}
