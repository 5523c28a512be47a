import { describe, expect, test } from '@jest/globals';
import { notBuiltYet } from '../../../src/config/not-built-yet.js';
import type { Role } from '../../../src/config/role.js';
import { AGGREGATOR_YAML, EXECUTOR_YAML } from '../../support/config-text.js';
import { configOfText } from '../../support/examine-text.js';

const AVS = '"0x2222222222222222222222222222222222222222"';

describe('notBuiltYet', () => {
  test.each<[string | undefined, Role, string]>([
    [undefined, 'aggregator', AGGREGATOR_YAML],
    [undefined, 'executor', EXECUTOR_YAML],
    [undefined, 'aggregator', `${AGGREGATOR_YAML}tlsEnabled: true\ngrpc: {clientTls: {}}\n`],
    [undefined, 'executor', `${EXECUTOR_YAML}grpc: {tls: {certFile: a, keyFile: b}}\n`],
    [undefined, 'aggregator', `${AGGREGATOR_YAML}metrics: {port: 1}\n`],
    [
      'avsPerformers[].deploymentMode: kubernetes',
      'executor',
      `${EXECUTOR_YAML}avsPerformers: [{avsAddress: ${AVS}, deploymentMode: kubernetes, image: {repository: a, tag: b}}]\n`,
    ],
  ])('behavior: names %s (%s)', async (key, role, text) => {
    const sentence = notBuiltYet(role, await configOfText(role, text));
    if (key === undefined) expect(sentence).toBeUndefined();
    else
      expect(sentence).toMatch(
        new RegExp(`^${key.replace(/[[\].]/g, '\\$&')} is not built yet in this version: `),
      );
  });
});
