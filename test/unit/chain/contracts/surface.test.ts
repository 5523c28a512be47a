import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { EventFragment, FunctionFragment, Interface } from 'ethers';
import { ALLOCATION_MANAGER_ABI } from '../../../../src/chain/contracts/allocation-manager.js';
import { AVS_REGISTRAR_ABI } from '../../../../src/chain/contracts/avs-registrar.js';
import { BN254_CERTIFICATE_VERIFIER_ABI } from '../../../../src/chain/contracts/bn254-certificate-verifier.js';
import { CROSS_CHAIN_REGISTRY_ABI } from '../../../../src/chain/contracts/cross-chain-registry.js';
import { ECDSA_CERTIFICATE_VERIFIER_ABI } from '../../../../src/chain/contracts/ecdsa-certificate-verifier.js';
import { CONTRACT_ERRORS } from '../../../../src/chain/contracts/errors.js';
import { KEY_REGISTRAR_ABI } from '../../../../src/chain/contracts/key-registrar.js';
import { OPERATOR_TABLE_UPDATER_ABI } from '../../../../src/chain/contracts/operator-table-updater.js';
import { RELEASE_MANAGER_ABI } from '../../../../src/chain/contracts/release-manager.js';
import { BN254_TABLE_CALCULATOR_ABI } from '../../../../src/chain/contracts/table-calculator.js';
import { TASK_MAILBOX_ABI } from '../../../../src/chain/contracts/task-mailbox.js';

/** Declarations by selector or topic. */
interface Surface {
  readonly functions: Record<string, string>;
  readonly events: Record<string, string>;
  readonly errors: Record<string, string>;
}

const surface: Record<string, Surface> = JSON.parse(
  readFileSync(new URL('../../../fixtures/contract-surface.json', import.meta.url), 'utf8'),
);

const ABIS = {
  TaskMailbox: TASK_MAILBOX_ABI,
  BN254CertificateVerifier: BN254_CERTIFICATE_VERIFIER_ABI,
  ECDSACertificateVerifier: ECDSA_CERTIFICATE_VERIFIER_ABI,
  KeyRegistrar: KEY_REGISTRAR_ABI,
  AllocationManager: ALLOCATION_MANAGER_ABI,
  CrossChainRegistry: CROSS_CHAIN_REGISTRY_ABI,
  OperatorTableUpdater: OPERATOR_TABLE_UPDATER_ABI,
  BN254TableCalculator: BN254_TABLE_CALCULATOR_ABI,
  'AVS registrar': AVS_REGISTRAR_ABI,
  ReleaseManager: RELEASE_MANAGER_ABI,
};

const functions = Object.entries(ABIS).flatMap(([contract, abi]) =>
  abi.interface.fragments.flatMap((fragment) =>
    fragment instanceof FunctionFragment ? [[contract, fragment.format(), fragment] as const] : [],
  ),
);
const events = Object.entries(ABIS).flatMap(([contract, abi]) =>
  abi.interface.fragments.flatMap((fragment) =>
    fragment instanceof EventFragment ? [[contract, fragment.name, fragment] as const] : [],
  ),
);
const errors = Object.entries(CONTRACT_ERRORS).map(
  ([contract, declarations]) => [contract.toLowerCase(), declarations] as const,
);

/** `name(inputs) -> (outputs)` without names, as the fixture spells it. */
const declaration = (fragment: FunctionFragment) => {
  const outputs = fragment.outputs.map((output) => output.format()).join(',');
  return outputs === '' ? fragment.format() : `${fragment.format()} -> (${outputs})`;
};

describe('contract fragments', () => {
  test.each(functions)(
    'default: %s.%s is a function of the real contract',
    (contract, _signature, fragment) => {
      const real = surface[contract]?.functions[fragment.selector] ?? '';
      const withoutMutability = real.replace(/ (view|pure|nonpayable)$/, '').replaceAll(', ', ',');
      expect(withoutMutability).toBe(declaration(fragment));
    },
  );

  test.each(events)('default: %s.%s is an event of the real contract', (contract, _name, fragment) => {
    const real = EventFragment.from(surface[contract]?.events[fragment.topicHash] ?? '');
    expect(real.topicHash).toBe(fragment.topicHash);
    expect(fragment.inputs.map((input) => input.indexed === true)).toEqual(
      real.inputs.map((input) => input.indexed === true),
    );
  });

  test.each(errors)(
    'default: the errors of %s are all known, by their selectors',
    (contract, declarations) => {
      const real = Object.entries(surface).find(([name]) => name.toLowerCase() === contract)?.[1].errors;
      const selectors: Record<string, string> = {};
      new Interface([...declarations]).forEachError((error) => {
        selectors[error.selector] = error.format();
      });
      expect(selectors).toEqual(real);
    },
  );
});
