import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { ERROR_CODES } from '../../../../src/base/error-codes.js';
import { environmentName, roleFlags } from '../../../../src/config/flags.js';
import { examineConfig } from '../../../../src/config/load.js';
import { ROLES } from '../../../../src/config/role.js';
import { renderErrorReference } from '../../../../src/operations/config/errors-reference.js';
import { renderConfigurationReference } from '../../../../src/operations/config/reference.js';
import { renderSchema } from '../../../../src/operations/config/schema.js';
import { renderStarter } from '../../../../src/operations/config/starter.js';

/** Of files that are made by `make docs` and `ponos config init`: the kept copy is the made one. */
describe('generated files', () => {
  test('behavior: docs/configuration.md is what the schema says', async () => {
    expect(await readFile('docs/configuration.md', 'utf8')).toBe(renderConfigurationReference());
  });

  test('behavior: docs/errors.md is what the list of codes says', async () => {
    const page = await readFile('docs/errors.md', 'utf8');
    expect(page).toBe(renderErrorReference());
    for (const code of Object.keys(ERROR_CODES)) expect(page).toContain(`\`${code}\``);
  });

  test.each(ROLES)('behavior: examples/%s.yaml is the starter file', async (role) => {
    expect(await readFile(`examples/${role}.yaml`, 'utf8')).toBe(renderStarter(role));
  });
});

const FILLED_IN = {
  OPERATOR_ADDRESS: `0x${'11'.repeat(20)}`,
  OPERATOR_PRIVATE_KEY: 'ab'.repeat(32),
  AVS_ADDRESS: `0x${'22'.repeat(20)}`,
};

describe('the starter files', () => {
  test.each(ROLES)('behavior: the one of %s has no problem once its variables are set', async (role) => {
    const { problems, warnings } = await examineConfig(role, {
      file: `examples/${role}.yaml`,
      env: FILLED_IN,
      strict: true,
    });
    expect(problems).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test.each(ROLES)('behavior: the one of %s asks for its variables and nothing else', async (role) => {
    const { problems } = await examineConfig(role, { file: `examples/${role}.yaml`, env: {} });
    expect(problems.length).toBeGreaterThan(0);
    for (const { message } of problems) expect(message).toMatch(/^the environment variable \w+ is not set$/);
  });
});

describe('.env.example', () => {
  test('behavior: names every variable of the flags and of the examples', async () => {
    const text = await readFile('.env.example', 'utf8');
    const names = [...text.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    const flags = ROLES.flatMap((role) =>
      ['config', ...roleFlags(role).map(({ flag }) => flag)].map((flag) => environmentName(role, flag)),
    );
    expect(names).toEqual(expect.arrayContaining([...Object.keys(FILLED_IN), ...flags]));
  });
});

describe('renderSchema', () => {
  test.each(ROLES)('behavior: of %s says type, range, default and flag of a key', (role) => {
    const schema = JSON.parse(renderSchema(role));
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.properties.managementServerGrpcPort).toMatchObject({
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      'x-flag': '--management-server-grpc-port',
      'x-environment': `${role.toUpperCase()}_MANAGEMENT_SERVER_GRPC_PORT`,
    });
    expect(schema.properties.operator.required).toContain('address');
    expect(schema.properties.operator.properties.operatorPrivateKey.properties.privateKey.writeOnly).toBe(
      true,
    );
  });
});
