import { describe, expect, test } from '@jest/globals';
import type { Role } from '../../../src/config/role.js';
import { AGGREGATOR_YAML, changed, EXECUTOR_YAML } from '../../support/config-text.js';
import { brief, examineText } from '../../support/examine-text.js';

const AVS = '"0x2222222222222222222222222222222222222222"';
const L2 = '  - {chainId: 31338, rpcUrl: "http://l2"}\n';
const ECDSA_KEY = `\n      privateKey: "${'cd'.repeat(32)}"`;
const performers = (...lines: string[]) =>
  `${EXECUTOR_YAML}avsPerformers:\n${lines.map((line) => `  - {${line}}\n`).join('')}`;
const IMAGE = 'image: {repository: a, tag: b}';

const problemsOf = async (role: Role, text: string, env = {}) =>
  (await examineText(role, text, { env })).problems.map(brief);
const warningsOf = async (role: Role, text: string) => (await examineText(role, text)).warnings.map(brief);

describe('rules between keys', () => {
  test('default: the short files have no problem and no warning', async () => {
    for (const [role, text] of [
      ['aggregator', AGGREGATOR_YAML],
      ['executor', EXECUTOR_YAML],
    ] as const) {
      expect(await problemsOf(role, text)).toEqual([]);
      expect(await warningsOf(role, text)).toEqual([]);
    }
  });

  test.each<[string, Role, string, string[]]>([
    [
      'l1ChainId is no chain',
      'aggregator',
      changed(AGGREGATOR_YAML, 'l1ChainId: 31337', 'l1ChainId: 1'),
      ['1 l1ChainId: chain 1 is not among chains'],
    ],
    [
      'client certificates without their authority',
      'executor',
      `${EXECUTOR_YAML}grpc:\n  tls: {certFile: a, keyFile: b, requireClientCert: true}\n`,
      ['12 grpc.tls.requireClientCert: it needs grpc.tls.caFile: whose certificates are accepted'],
    ],
    [
      'half of a client certificate',
      'aggregator',
      `${AGGREGATOR_YAML}grpc:\n  clientTls: {certFile: a}\n`,
      ['13 grpc.clientTls: keyFile is missing: certificate and key go together'],
    ],
    ...(['tls', 'clientTls'] as const).map((key): [string, Role, string, string[]] => [
      `${key} without a value, which would be plaintext in silence`,
      'aggregator',
      `${AGGREGATOR_YAML}grpc:\n  ${key}:\n`,
      [`13 grpc.${key}: it has no value: give its keys ({} for none of them), or take it out`],
    ]),
    [
      'an AVS on a chain that is not there',
      'aggregator',
      `${AGGREGATOR_YAML}avss:\n  - {address: ${AVS}, chainIds: [31337, 31338]}\n`,
      ['13 avss[0].chainIds[1]: chain 31338 is not among chains'],
    ],
    [
      'an AVS without chains',
      'aggregator',
      `${AGGREGATOR_YAML}avss:\n  - {address: ${AVS}, chainIds: []}\n`,
      ['13 avss[0].chainIds: found a list, expected a list with at least one item'],
    ],
    [
      'an AVS twice, in two spellings',
      'aggregator',
      `${AGGREGATOR_YAML}avss:\n  - {address: "0xabababababababababababababababababababab", chainIds: [31337]}\n  - {address: "0xABABABABABABABABABABABABABABABABABABABAB", chainIds: [31337]}\n`,
      [
        '14 avss[1].address: found 0xabababababababababababababababababababab a second time; keep one of them',
      ],
    ],
    [
      'a chain twice',
      'aggregator',
      `${AGGREGATOR_YAML}  - {chainId: 31337, rpcUrl: "http://b"}\n`,
      ['12 chains[1].chainId: found 31337 a second time; keep one of them'],
    ],
    [
      'an unsupported chain',
      'aggregator',
      `${AGGREGATOR_YAML}  - {chainId: 10, rpcUrl: "http://b"}\n`,
      [
        '12 chains[1].chainId: found 10, expected one of 1, 8453, 17000, 560048, 11155111, 84532, 31337, 31338',
      ],
    ],
    [
      'a chain without an endpoint',
      'aggregator',
      `${AGGREGATOR_YAML}  - {chainId: 31338}\n`,
      ['12 chains[1]: an endpoint is missing: give rpcUrl or rpcUrls'],
    ],
    [
      'no chains at all',
      'aggregator',
      changed(
        AGGREGATOR_YAML,
        'chains:\n  - chainId: 31337\n    rpcUrl: http://localhost:8545\n',
        'chains: []\n',
      ),
      ['9 chains: found a list, expected a list with at least one item'],
    ],
    [
      'Hoodi, whose contracts are not known, and an override that is for another chain',
      'executor',
      `${changed(EXECUTOR_YAML, '31337', '560048')}overrideContracts: {taskMailbox: {contract: ${AVS}, chainIds: [31337]}, keyRegistrar: {contract: ${AVS}}}\n`,
      [
        '9 l1Chain.chainId: no address is known on chain 560048 for taskMailbox, ecdsaCertificateVerifier, bn254CertificateVerifier, allocationManager, crossChainRegistry; give them under overrideContracts',
      ],
    ],
    [
      'no signing key',
      'executor',
      changed(EXECUTOR_YAML, `\n    ecdsa:${ECDSA_KEY}`, ''),
      ['2 operator.signingKeys: a signing key is missing: give bls (a BN254 keystore), ecdsa, or both'],
    ],
    [
      'a curve without a key',
      'executor',
      changed(EXECUTOR_YAML, ECDSA_KEY, '\n      password: x\n    bls: {password: x}'),
      [
        '7 operator.signingKeys.ecdsa: a key is missing: give privateKey, keystoreFile or remoteSigner',
        '8 operator.signingKeys.bls: a key is missing: give keystore or keystoreFile',
      ],
    ],
    [
      'a remote signer without its address',
      'executor',
      changed(EXECUTOR_YAML, ECDSA_KEY, '\n      remoteSigner: true'),
      ['7 operator.signingKeys.ecdsa: remoteSigner needs remoteSignerConfig'],
    ],
    [
      'a remote signer that names no key, half a certificate, and no TLS for it',
      'executor',
      changed(
        EXECUTOR_YAML,
        ECDSA_KEY,
        '\n      remoteSigner: true\n      remoteSignerConfig: {url: "http://signer", cert: a.pem}',
      ),
      [
        '8 operator.signingKeys.ecdsa.remoteSignerConfig: it names no key: give publicKey or fromAddress',
        '8 operator.signingKeys.ecdsa.remoteSignerConfig: key is missing: a client certificate needs both',
        '8 operator.signingKeys.ecdsa.remoteSignerConfig.url: it is without TLS, and certificates are given; write https://',
      ],
    ],
    [
      'badger without a folder',
      'executor',
      `${EXECUTOR_YAML}storage: {type: badger}\n`,
      ['11 storage.badger.dir: is missing: storage of type badger needs a folder'],
    ],
    [
      'releases demanded of processes',
      'executor',
      `${performers(`avsAddress: ${AVS}, deploymentMode: process, command: [node]`)}releases: {require: latest}\n`,
      ['13 releases.require: performers are processes, and releases name images: set it to any'],
    ],
    [
      'two modes of deployment',
      'executor',
      performers(
        `avsAddress: ${AVS}, ${IMAGE}`,
        `avsAddress: "0x3333333333333333333333333333333333333333", deploymentMode: process, command: [node]`,
      ),
      [
        '13 avsPerformers[1].deploymentMode: found process, but another performer has docker; all performers of one executor use one mode',
      ],
    ],
    [
      'two performers of one AVS',
      'executor',
      performers(`avsAddress: ${AVS}, ${IMAGE}`, `avsAddress: ${AVS}, ${IMAGE}`),
      [
        '13 avsPerformers[1].avsAddress: found 0x2222222222222222222222222222222222222222 a second time; keep one of them',
      ],
    ],
    [
      'a process without a command and with an image',
      'executor',
      performers(`avsAddress: ${AVS}, deploymentMode: process, ${IMAGE}`),
      [
        '12 avsPerformers[0].command: is missing: deploymentMode process needs the program and its arguments',
        '12 avsPerformers[0].image: deploymentMode process runs command; take the image out',
      ],
    ],
    [
      'a container without an image, with a command',
      'executor',
      performers(`avsAddress: ${AVS}, command: [node]`),
      [
        '12 avsPerformers[0].image: is missing: deploymentMode docker needs repository, and tag or digest',
        '12 avsPerformers[0].command: only deploymentMode process runs a command; take it out or change the mode',
      ],
    ],
    [
      'an image without a version',
      'executor',
      performers(`avsAddress: ${AVS}, image: {repository: a}`),
      ['12 avsPerformers[0].image: a version is missing: give tag or digest'],
    ],
    [
      'variables with no value and with two',
      'executor',
      performers(`avsAddress: ${AVS}, ${IMAGE}, envs: [{name: A}, {name: B, value: x, valueFromEnv: HOME}]`),
      [
        '12 avsPerformers[0].envs[0]: a value is missing: give value, valueFromEnv or kubernetesEnv',
        '12 avsPerformers[0].envs[1]: found value and valueFromEnv; keep one of them',
      ],
    ],
    [
      'performers in Kubernetes without a cluster, with limits that it does not have, and a reference to nothing',
      'executor',
      performers(
        `avsAddress: ${AVS}, deploymentMode: kubernetes, ${IMAGE}, resources: {readOnlyRootfs: true, memory: 1g}, envs: [{name: A, kubernetesEnv: {valueFrom: {}}}]`,
      ),
      [
        '1 kubernetes: is missing: performers run in Kubernetes; write kubernetes: {} for the cluster that this node runs in',
        '12 avsPerformers[0].resources.readOnlyRootfs: a performer in Kubernetes cannot be given it; take it out, and use a policy of the namespace',
        '12 avsPerformers[0].envs[0].kubernetesEnv.valueFrom: give one of secretKeyRef and configMapKeyRef',
      ],
    ],
  ])('error: %s', async (_name, role, text, expected) => {
    expect((await problemsOf(role, text, { HOME: '/' })).sort()).toEqual([...expected].sort());
  });

  test('behavior: chain ids of an AVS are not judged against chains that are wrong themselves', async () => {
    const text = `${AGGREGATOR_YAML}  - {chainId: 10, rpcUrl: "http://b"}\navss:\n  - {address: ${AVS}, chainIds: [31338]}\n`;
    expect(await problemsOf('aggregator', text)).toHaveLength(1);
  });

  test('behavior: an empty value beside valueFromEnv, as the Go node writes it, is no second value', async () => {
    const text = performers(`avsAddress: ${AVS}, ${IMAGE}, envs: [{name: A, value: "", valueFromEnv: HOME}]`);
    expect(await problemsOf('executor', text, { HOME: '/' })).toEqual([]);
  });

  test.each<[string, string, string[]]>([
    [
      'settings of badger without a meaning',
      'storage: {type: badger, badger: {dir: /d, numVersionsToKeep: 1, valueLogFileSize: 9}}\n',
      ['12 storage.badger: valueLogFileSize, numVersionsToKeep have no meaning for LevelDB and no effect'],
    ],
    ['settings of badger while memory is used', 'storage: {badger: {dir: /d, numVersionsToKeep: 1}}\n', []],
    ['a WebSocket endpoint of an aggregator', L2.replace('}', ', wsUrl: "ws://l2"}'), []],
    [
      'a contract that nobody asks for',
      `contracts: {contracts: [${[
        'TaskMailbox',
        'AllocationManager',
        'KeyRegistrar',
        'CrossChainRegistry',
        'ECDSACertificateVerifier',
        'BN254CertificateVerifier',
        'TaskMailbx',
      ]
        .map((name) => `{name: ${name}, address: ${AVS}, chainId: 31337}`)
        .join(', ')}]}\n`,
      ['12 contracts.contracts[6].name: this contract is not used; did you mean taskMailbox?'],
    ],
  ])('behavior: a warning for %s', async (_name, addition, expected) => {
    const text = `${AGGREGATOR_YAML}${addition}`;
    expect(await problemsOf('aggregator', text)).toEqual([]);
    expect(await warningsOf('aggregator', text)).toEqual(expected);
  });

  test('behavior: a WebSocket endpoint is warned of where nobody waits for blocks', async () => {
    const text = `${EXECUTOR_YAML}  wsUrl: ws://l1\nchains:\n${L2.replace('}', ', wsUrl: "ws://l2"}')}`;
    const what = 'it has no effect: an executor does not wait for blocks';
    expect(await warningsOf('executor', text)).toEqual([
      expect.stringContaining(`l1Chain.wsUrl: ${what}`),
      expect.stringContaining(`chains[0].wsUrl: ${what}`),
    ]);
  });
});
