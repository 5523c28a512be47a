#!/usr/bin/env node
/**
 * Makes test/fixtures/vectors/mgmt-auth-bound.json: what a caller signs with authentication.bindRequest. Nothing of the
 * product has a part in it: requests are encoded by buf, hashes and signatures are ethers'.
 *
 *   node test/support/make-bound-request-vectors.mjs
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { concat, hexlify, id, keccak256, SigningKey } from 'ethers';

const root = new URL('../../', import.meta.url);
const key = new SigningKey('0xf17cf1284507f26a57b05f2a072ccd32a61cbc3ff424f7c1fc43c47f2a59fa65');
const executor = 'eigenlayer.hourglass.v1.ExecutorManagementService';
const aggregator = 'eigenlayer.hourglass.v1.AggregatorManagementService';
const avs = `0x${'a5'.repeat(20)}`;
const calls = [
  [
    executor,
    'DeployArtifact',
    'DeployArtifactRequest',
    {
      avsAddress: avs,
      digest: `sha256:${'1'.repeat(64)}`,
      registryUrl: 'registry.example/avs',
      env: [
        { name: 'A', value: 'b' },
        { name: 'C', valueFromEnv: 'D' },
      ],
    },
  ],
  [executor, 'ListPerformers', 'ListPerformersRequest', {}],
  [executor, 'RemovePerformer', 'RemovePerformerRequest', { performerId: 'avs-performer-abcdef-1' }],
  [aggregator, 'RegisterAvs', 'RegisterAvsRequest', { avsAddress: avs, chainIds: [31337, 31338] }],
];

const cases = calls.map(([service, method, type, request], index) => {
  const token = id(`token ${index}`).slice(2);
  const requestBytes = execFileSync(
    fileURLToPath(new URL('node_modules/.bin/buf', root)),
    [
      'convert',
      '--type',
      `eigenlayer.hourglass.v1.${type}`,
      '--from',
      '-#format=json',
      '--to',
      '-#format=binpb',
    ],
    {
      cwd: fileURLToPath(new URL('proto', root)),
      input: JSON.stringify(request),
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const fullMethod = `/${service}/${method}`;
  const message = concat([id(token), id(fullMethod), keccak256(requestBytes)]);
  const digest = keccak256(message);
  const signature = key.sign(digest).serialized;
  return { token, fullMethod, request, requestBytes: hexlify(requestBytes), message, digest, signature };
});
const note =
  'message = keccak256(token) ‖ keccak256(fullMethod) ‖ keccak256(requestBytes), requestBytes without the auth field; digest = keccak256(message); signature by privateKeyHex';
writeFileSync(
  new URL('test/fixtures/vectors/mgmt-auth-bound.json', root),
  `${JSON.stringify({ note, privateKeyHex: key.privateKey, cases }, undefined, 1)}\n`,
);
