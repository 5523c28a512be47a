import { describe, expect, test } from '@jest/globals';
import { isPonosError } from '../../../src/base/error.js';
import { parseDeployRequest } from '../../../src/executor/deploy-request.js';
import {
  DeployArtifactRequest,
  type KubernetesEnv,
  type PerformerEnv,
} from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';

const AVS = `0x${'a5'.repeat(20)}`;
const DIGEST = `sha256:${'1a'.repeat(32)}`;
const request = (changes: Partial<DeployArtifactRequest>): DeployArtifactRequest => ({
  ...DeployArtifactRequest.decode(Buffer.alloc(0)),
  avsAddress: AVS,
  ...changes,
});
const variable = (changes: Partial<PerformerEnv>): PerformerEnv => ({
  name: 'A',
  value: '',
  valueFromEnv: '',
  kubernetesEnv: undefined,
  ...changes,
});
const reference = { name: 'n', key: 'k' };
const fromKubernetes = (valueFrom: KubernetesEnv['valueFrom']) => variable({ kubernetesEnv: { valueFrom } });

describe('the image', () => {
  test.each([
    ['', '', undefined],
    ['my-avs', DIGEST, { repository: 'my-avs', digest: DIGEST }],
    ['ghcr.io/org/my-avs', DIGEST, { repository: 'ghcr.io/org/my-avs', digest: DIGEST }],
    ['localhost:5000/my-avs', DIGEST, { repository: 'localhost:5000/my-avs', digest: DIGEST }],
    ['my-avs:v2', '', { repository: 'my-avs', tag: 'v2' }],
    ['my-avs:2', '', { repository: 'my-avs', tag: '2' }],
    ['localhost:5000/my-avs:v2.1', '', { repository: 'localhost:5000/my-avs', tag: 'v2.1' }],
    ['my-avs:v2', DIGEST, { repository: 'my-avs', tag: 'v2', digest: DIGEST }],
  ])('default: %s and %s', (registryUrl, digest, image) => {
    expect(parseDeployRequest(request({ registryUrl, digest })).image).toEqual(image);
  });

  test.each([
    ['', DIGEST, /^registry_url is empty/],
    ['my-avs', '', /^digest is empty/],
    ['localhost:5000/my-avs', '', /^digest is empty/],
    ['my-avs', 'latest', /^digest: must be/],
    ['my-avs', DIGEST.slice(7), /^digest: must be/],
    ['my-avs', DIGEST.toUpperCase(), /^digest: must be/],
    ['https://ghcr.io/my-avs', DIGEST, /^registry_url: must be/],
    [`my-avs@${DIGEST}`, '', /^registry_url: must be/],
    ['my avs:v1', '', /^registry_url: must be/],
    ['-v:v1', '', /^registry_url: must be/],
    [' ', '', /^registry_url: must be/],
    ['my-avs:', DIGEST, /^registry_url: must be/],
  ])('error: %s and %s', (registryUrl, digest, message) => {
    expect(() => parseDeployRequest(request({ registryUrl, digest }))).toThrow(message);
  });
});

describe('the variables', () => {
  test('default: every source', () => {
    const env = [
      variable({ name: 'A', value: ' b=c ' }),
      variable({ name: 'EMPTY' }),
      variable({ name: 'C', valueFromEnv: 'D' }),
      { ...fromKubernetes({ secretKeyRef: reference, configMapKeyRef: undefined }), name: 'E' },
      { ...fromKubernetes({ secretKeyRef: undefined, configMapKeyRef: reference }), name: 'F' },
    ];
    const { avs, envs } = parseDeployRequest(
      request({ avsAddress: AVS.toUpperCase().replace('0X', '0x'), env }),
    );
    expect(avs).toBe(AVS);
    expect(envs.map(({ value, ...rest }) => ({ ...rest, ...(value && { value: value.reveal() }) }))).toEqual([
      { name: 'A', value: ' b=c ' },
      { name: 'EMPTY', value: '' },
      { name: 'C', valueFromEnv: 'D' },
      { name: 'E', kubernetesEnv: { valueFrom: { secretKeyRef: reference } } },
      { name: 'F', kubernetesEnv: { valueFrom: { configMapKeyRef: reference } } },
    ]);
  });

  test.each([
    ['no name', [variable({ name: '' })], /^env: a variable must have a name/],
    [
      'a name with a value in it',
      [variable({ name: 'A=hidden-value' })],
      /^env: a variable must have a name/,
    ],
    ['one twice', [variable({ value: '1' }), variable({ value: '2' })], /^env: A is given twice$/],
    [
      'two sources',
      [variable({ value: 'hidden-value', valueFromEnv: 'B' })],
      /^env: A must have one of value,/,
    ],
    ['no reference', [fromKubernetes(undefined)], /^env: A must have one of secret_key_ref/],
    [
      'two references',
      [fromKubernetes({ secretKeyRef: reference, configMapKeyRef: reference })],
      /^env: A must have one of secret_key_ref/,
    ],
    [
      'a reference without a key',
      [fromKubernetes({ secretKeyRef: { name: 'n', key: '' }, configMapKeyRef: undefined })],
      /^env: A must have one of secret_key_ref/,
    ],
  ])('error: %s', (_what, env, message) => {
    const refuse = () => parseDeployRequest(request({ env }));
    expect(refuse).toThrow(message);
    // A value may be a secret.
    expect(refuse).not.toThrow('hidden-value');
  });
});

test.each([
  [undefined, undefined],
  [{ serviceAccountName: '' }, undefined],
  [{ serviceAccountName: 'my-avs' }, 'my-avs'],
])('behavior: of %o the service account is %s', (kubernetes, expected) => {
  expect(parseDeployRequest(request({ kubernetes })).serviceAccountName).toBe(expected);
});

test.each([
  [{ avsAddress: '' }, /^avs_address: /],
  [{ avsAddress: '0x12' }, /^avs_address: /],
  [{ kubernetes: { serviceAccountName: 'Not a name' } }, /^kubernetes: service_account_name must be a name/],
])('error: %o', (changes, message) => {
  try {
    parseDeployRequest(request(changes));
  } catch (error) {
    expect(isPonosError(error, 'REQUEST_INVALID') && error.message).toMatch(message);
    return;
  }
  throw new Error('it was accepted');
});
