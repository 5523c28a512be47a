/** The devnet's contracts look to a caller as the real ones do: same selectors, topics and errors. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Interface } from 'ethers';
import { type Artifact, loadArtifacts } from '../support/devnet-artifacts.js';

/** Declarations by selector or topic. */
interface Surface {
  readonly functions: Readonly<Record<string, string>>;
  readonly events: Readonly<Record<string, string>>;
  readonly errors: Readonly<Record<string, string>>;
}

const surfaces: Readonly<Record<string, Surface>> = JSON.parse(
  readFileSync(new URL('../fixtures/contract-surface.json', import.meta.url), 'utf8'),
);

const OUR_NAMES: Readonly<Record<string, string>> = {
  'AVS registrar': 'TaskAVSRegistrar',
  IAVSTaskHook: 'AdjustableTaskHook',
};

/** What of the real surface the devnet goes without. */
const LEFT_OUT = new Set([
  // Stake is set directly at the devnet's AllocationManager, and counts at once.
  'modifyAllocations(address,((address,uint32),address[],uint64[])[]) nonpayable',
  'getAllocationDelay(address) -> (bool, uint32) view',
  'getNonSignerWitnessesAndApk((address,uint32),address[]) -> ((uint32,bytes,((uint256,uint256),uint256[]))[], (uint256,uint256)) view',
  'AggregateBN254KeyUpdated((address avs, uint32 id) operatorSet, (uint256 X, uint256 Y) newAggregateKey)',
  'Paused(address indexed account, uint256 newPausedStatus)',
  'Unpaused(address indexed account, uint256 newPausedStatus)',
  // Declared by the real contracts, but no rule of theirs that the devnet follows raises them.
  'InvalidConsensusType()',
  'InvalidTaskCreator()',
  'ECPairingFailed()',
  'IndexOutOfBounds()',
  'InvalidShortString()',
  'SignatureExpired()',
  'StringTooLong(string)',
]);

/** `abi` answers pure for what the real contract only promises as view; callers cannot tell. */
const asSeen = (declaration: string) => declaration.replace(/ pure$/, ' view');

function declared(abi: Interface): Surface {
  const functions: Record<string, string> = {};
  const events: Record<string, string> = {};
  const errors: Record<string, string> = {};
  abi.forEachFunction((fragment) => {
    const outputs = fragment.outputs.map((output) => output.format());
    const answer = outputs.length === 0 ? '' : ` -> (${outputs.join(', ')})`;
    functions[fragment.selector] = `${fragment.format()}${answer} ${fragment.stateMutability}`;
  });
  abi.forEachEvent((fragment) => {
    events[fragment.topicHash] = fragment
      .format('full')
      .replace(/^event /, '')
      .replaceAll('tuple(', '(');
  });
  abi.forEachError((fragment) => {
    errors[fragment.selector] = fragment.format();
  });
  return { functions, events, errors };
}

describe('devnet contracts', () => {
  let artifacts: ReadonlyMap<string, Artifact>;
  beforeAll(async () => {
    artifacts = await loadArtifacts();
  });

  const surfaceOf = (contract: string): Surface => {
    const artifact = artifacts.get(OUR_NAMES[contract] ?? contract);
    if (artifact === undefined) throw new Error(`${contract} is not compiled`);
    return declared(artifact.abi);
  };

  test.each(Object.entries(surfaces))('default: %s has what the real one has', (contract, real) => {
    const ours = surfaceOf(contract);
    for (const kind of ['functions', 'events', 'errors'] as const) {
      const expected = Object.entries(real[kind]).filter(([, declaration]) => !LEFT_OUT.has(declaration));
      const found = expected.map(([id]) => [id, asSeen(ours[kind][id] ?? 'missing')]);
      expect(found).toEqual(expected.map(([id, declaration]) => [id, asSeen(declaration)]));
    }
  });

  test.each(['TaskMailbox', 'BN254CertificateVerifier', 'ECDSACertificateVerifier'])(
    'behavior: %s raises and emits nothing that the real one does not',
    (contract) => {
      const ours = surfaceOf(contract);
      const real = surfaces[contract];
      expect(Object.keys(real?.events ?? {})).toEqual(expect.arrayContaining(Object.keys(ours.events)));
      expect(Object.keys(real?.errors ?? {})).toEqual(expect.arrayContaining(Object.keys(ours.errors)));
    },
  );

  test('behavior: what is left out really is, so that this list stays true', () => {
    const ours = Object.keys(surfaces).flatMap((contract) => {
      const { functions, events, errors } = surfaceOf(contract);
      return [functions, events, errors].flatMap((declarations) => Object.values(declarations));
    });
    expect(ours.filter((declaration) => LEFT_OUT.has(declaration))).toEqual([]);
  });

  test('behavior: every contract fits the size limit of real chains', () => {
    const sizes = [...artifacts].map(([name, { deployedBytecode }]) => [
      name,
      (deployedBytecode.length - 2) / 2,
    ]);
    expect(sizes.filter(([, bytes]) => Number(bytes) > 24_576)).toEqual([]);
  });
});
