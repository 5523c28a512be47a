import { describe, expect, test } from '@jest/globals';
import { examineConfig } from '../../../src/config/load.js';
import { brief } from '../../support/examine-text.js';

/** The two examples of the original README, as they stand there. */
describe('the original examples', () => {
  const ADDRESS = 'found "0x...", expected an address (0x and 40 hex digits)';
  const KEY = 'found a value that is not shown, expected a private key (64 hex digits)';
  const KEYSTORE = 'found a value that is not shown, expected a keystore as JSON text';

  test('behavior: the aggregator’s has problems in its placeholders and nowhere else', async () => {
    const { problems, warnings } = await examineConfig('aggregator', {
      file: 'test/fixtures/config/original-aggregator.yaml',
      env: {},
      strict: true,
    });
    expect(problems.map(brief)).toEqual([
      `5 operator.address: ${ADDRESS}`,
      `7 operator.operatorPrivateKey.privateKey: ${KEY}`,
      `10 operator.signingKeys.bls.keystore: ${KEYSTORE}`,
      `26 avss[0].address: ${ADDRESS}`,
      `28 avss[0].avsRegistrarAddress: ${ADDRESS}`,
      `44 overrideContracts.taskMailbox.contract: ${ADDRESS}, or JSON text with such an address under "address"`,
    ]);
    expect(warnings).toEqual([]);
  });

  test('behavior: the executor’s has problems in its placeholders, and a warning for the unset variable', async () => {
    const { problems, warnings } = await examineConfig('executor', {
      file: 'test/fixtures/config/original-executor.yaml',
      env: {},
      strict: true,
    });
    expect(problems.map(brief)).toEqual([
      `6 operator.address: ${ADDRESS}`,
      `8 operator.operatorPrivateKey.privateKey: ${KEY}`,
      `11 operator.signingKeys.bls.keystore: ${KEYSTORE}`,
      `23 avsPerformers[0].avsAddress: ${ADDRESS}`,
      `24 avsPerformers[0].avsRegistrarAddress: ${ADDRESS}`,
      `40 overrideContracts.taskMailbox.contract: ${ADDRESS}, or JSON text with such an address under "address"`,
    ]);
    expect(warnings.map(brief)).toEqual([
      '29 avsPerformers[0].envs[1].valueFromEnv: the environment variable EXECUTOR_LOG_LEVEL is not set; the performer cannot be deployed without it',
    ]);
  });
});
