import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import {
  contractNamed,
  coreAddresses,
  knownChain,
  L1_CHAIN_IDS,
  l1CoreAddresses,
  missingContracts,
  SUPPORTED_CHAIN_IDS,
} from '../../../src/config/known-chains.js';

const OTHER = parseAddress('0x2222222222222222222222222222222222222222');

describe('known chains', () => {
  test('default: the chains of Hourglass and the two local ones', () => {
    expect([...SUPPORTED_CHAIN_IDS].sort((a, b) => a - b)).toEqual([
      1, 8453, 17_000, 31_337, 31_338, 84_532, 560_048, 11_155_111,
    ]);
    expect([...L1_CHAIN_IDS].sort((a, b) => a - b)).toEqual([1, 17_000, 31_337, 560_048, 11_155_111]);
    expect(knownChain(10)).toBeUndefined();
  });

  test('default: local chains have the contracts of Sepolia and the table calculators of mainnet', () => {
    const { bn254TableCalculator, ecdsaTableCalculator, ...rest } = l1CoreAddresses(31_337, {});
    expect(l1CoreAddresses(11_155_111, {})).toMatchObject(rest);
    expect(l1CoreAddresses(1, {})).toMatchObject({ bn254TableCalculator, ecdsaTableCalculator });
    expect(coreAddresses(31_338, {}).taskMailbox).toBe(rest.taskMailbox);
    expect(coreAddresses(31_338, {}).allocationManager).toBeUndefined();
  });

  test('behavior: an override counts on its chains, or on all', () => {
    const on = (chainIds: number[]) => ({
      overrideContracts: { taskMailbox: { contract: OTHER, chainIds } },
    });
    expect(coreAddresses(31_338, on([31_338])).taskMailbox).toBe(OTHER);
    expect(coreAddresses(31_338, on([31_337])).taskMailbox).toBe(coreAddresses(31_338, {}).taskMailbox);
    expect(coreAddresses(8453, on([])).taskMailbox).toBe(OTHER);
  });

  test('behavior: a list of contracts replaces the built-in one, overrides stay above it', () => {
    const contracts = { contracts: [{ name: 'TaskMailbox', address: OTHER, chainId: 1 }] };
    expect(missingContracts(1, 'l2', { contracts })).toEqual([
      'ecdsaCertificateVerifier',
      'bn254CertificateVerifier',
    ]);
    const third = parseAddress('0x3333333333333333333333333333333333333333');
    const names = ['ecdsaCertificateVerifier', 'bn254CertificateVerifier', 'taskMailbox'] as const;
    const overrideContracts = Object.fromEntries(
      names.map((name) => [name, { contract: third, chainIds: [] }]),
    );
    expect(coreAddresses(1, { contracts, overrideContracts }).taskMailbox).toBe(third);
  });

  test('error: a chain whose contracts are not known', () => {
    expect(() => coreAddresses(560_048, {})).toThrow(
      'no address is known on chain 560048 for taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier',
    );
    expect(() => l1CoreAddresses(31_338, {})).toThrow(
      'no address is known on chain 31338 for allocationManager, keyRegistrar, crossChainRegistry',
    );
  });

  test.each([
    ['TaskMailbox', 'taskMailbox'],
    ['BN254CertificateVerifier', 'bn254CertificateVerifier'],
    ['ecdsa-table-calculator', 'ecdsaTableCalculator'],
    ['OperatorTableUpdater', undefined],
  ])('behavior: %s is the contract %s', (name, expected) => {
    expect(contractNamed(name)).toBe(expected);
  });
});
