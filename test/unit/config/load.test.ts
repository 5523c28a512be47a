import { describe, expect, test } from '@jest/globals';
import { Secret } from '../../../src/base/secret.js';
import { loadConfig } from '../../../src/config/load.js';
import { AGGREGATOR_YAML, changed, EXECUTOR_YAML } from '../../support/config-text.js';
import { brief, configOfText, examineText } from '../../support/examine-text.js';

const dollar = '$';

describe('defaults', () => {
  test('default: an aggregator', async () => {
    const config = await configOfText('aggregator', AGGREGATOR_YAML);
    expect(config).toMatchObject({
      debug: false,
      l1ChainId: 31_337,
      managementServerGrpcPort: 9_010,
      tlsEnabled: false,
      avss: [],
      storage: { type: 'memory', level: { syncWrites: true } },
      authentication: { bindRequest: false },
      metrics: { enabled: true, host: '127.0.0.1', port: 9_464 },
      grpc: { host: '0.0.0.0' },
      logging: { level: 'info', format: 'text' },
      tasks: { maxConcurrent: 256, quorumWindowMs: 0, nonePolicy: 'all' },
      retention: { taskDays: 7, sweepSeconds: 300 },
      shutdown: { graceSeconds: 30 },
    });
    expect(config.chains).toEqual([
      {
        name: 'local-l1',
        chainId: 31_337,
        rpcUrls: ['http://localhost:8545'],
        pollIntervalMs: 10_000,
        blockConfirmations: 0,
        maxBlockRange: 1_000,
        maxReorgDepth: 64,
      },
    ]);
    expect(config.authentication.enabled).toBeUndefined();
    expect(config.overrideContracts).toBeUndefined();
    expect(config.operator.signingKeys.bls).toBeUndefined();
  });

  test('default: an executor', async () => {
    const config = await configOfText('executor', EXECUTOR_YAML);
    expect(config).toMatchObject({
      grpcPort: 9_090,
      managementServerGrpcPort: 9_090,
      performerNetworkName: '',
      requireTaskOnChain: false,
      avsPerformers: [],
      limits: {
        maxPayloadBytes: 1_572_864,
        maxOutputBytes: 1_572_864,
        maxTaskSeconds: 300,
        maxTaskBlockAgeDays: 30,
      },
      releases: { require: 'any' },
    });
    expect(config.kubernetes).toBeUndefined();
    expect(config.chains).toEqual([config.l1Chain]);
  });
});

describe('values', () => {
  test('behavior: addresses are lower case, secrets are secrets', async () => {
    const config = await configOfText(
      'aggregator',
      changed(
        AGGREGATOR_YAML,
        '0x1111111111111111111111111111111111111111',
        '0xABCDEFabcdefABCDEFabcdefABCDEFabcdefABCD',
      ),
    );
    expect(config.operator.address).toBe('0xabcdefabcdefabcdefabcdefabcdefabcdefabcd');
    const key = config.operator.operatorPrivateKey.privateKey;
    expect(key).toBeInstanceOf(Secret);
    expect(key?.reveal()).toBe(`0x${'ab'.repeat(32)}`);
    expect(JSON.stringify(config)).not.toContain('abababab');
  });

  test('behavior: an address without quotes, which YAML takes for a number, is an address', async () => {
    const config = await configOfText('aggregator', AGGREGATOR_YAML.replaceAll('"', ''));
    expect(config.operator.address).toBe('0x1111111111111111111111111111111111111111');
    expect(config.operator.operatorPrivateKey.privateKey?.reveal()).toBe(`0x${'ab'.repeat(32)}`);
  });

  test('behavior: pollIntervalMs wins over pollIntervalSeconds, endpoints keep their order without repetition', async () => {
    const config = await configOfText(
      'aggregator',
      `${AGGREGATOR_YAML}    rpcUrls: [http://b, http://localhost:8545, http://b, http://c]\n    pollIntervalSeconds: 5\n    pollIntervalMs: 250\n`,
    );
    expect(config.chains[0]).toMatchObject({
      rpcUrls: ['http://localhost:8545', 'http://b', 'http://c'],
      pollIntervalMs: 250,
    });
  });

  test('behavior: an executor’s chains hold L1 once, first', async () => {
    const config = await configOfText(
      'executor',
      `${EXECUTOR_YAML}chains:\n  - {chainId: 31338, rpcUrl: "http://l2"}\n  - {chainId: 31337, rpcUrl: "http://other"}\n`,
    );
    expect(config.chains.map(({ chainId, rpcUrls }) => [chainId, rpcUrls])).toEqual([
      [31_337, ['http://localhost:8545']],
      [31_338, ['http://l2']],
    ]);
  });

  test('behavior: sizes are bytes', async () => {
    const config = await configOfText(
      'aggregator',
      `${AGGREGATOR_YAML}logging:\n  file: {path: x.log, maxSize: 10m}\n`,
    );
    expect(config.logging.file).toEqual({ path: 'x.log', maxSize: 10_485_760, maxBackups: 5 });
  });

  test('behavior: debug means the debug level, badger in memory means memory', async () => {
    const config = await configOfText(
      'aggregator',
      `${AGGREGATOR_YAML}debug: true\nstorage: {type: badger, badger: {inMemory: true}}\n`,
    );
    expect(config.logging.level).toBe('debug');
    expect(config.storage.type).toBe('memory');
  });

  test('behavior: JSON loads like YAML', async () => {
    const json = JSON.stringify({
      l1ChainId: 1,
      operator: {
        address: `0x${'1'.repeat(40)}`,
        operatorPrivateKey: { privateKey: 'ab'.repeat(32) },
        signingKeys: { bls: { keystore: { crypto: {}, curveType: 'bn254' }, password: 'x' } },
      },
      chains: [{ chainId: 1, rpcUrl: 'https://mainnet' }],
    });
    const config = await configOfText('aggregator', json);
    // Written as a mapping, the keystore is its JSON text.
    expect(config.operator.signingKeys.bls?.keystore?.reveal()).toBe('{"crypto":{},"curveType":"bn254"}');
  });
});

describe('older spellings', () => {
  test('behavior: the Go node’s names are read', async () => {
    const config = await configOfText(
      'executor',
      `GRPCPort: 7000
operator:
  address: "0x1111111111111111111111111111111111111111"
  operatorprivatekey: {useRemoteSigner: false}
  signingKeys:
    ECDSA:
      keystore: {keystoreFile: /keys/k.json, password: pw}
l1chain: {chainId: 31337, RPCURL: "http://localhost:8545"}
avsPerformers:
storage: {type: badger, badgerConfig: {dir: /data}}
authConfig: {isEnabled: true}
`,
    );
    expect(config.grpcPort).toBe(7_000);
    expect(config.avsPerformers).toEqual([]);
    expect(config.storage).toMatchObject({ type: 'badger', badger: { dir: '/data' } });
    expect(config.authentication.enabled).toBe(true);
    expect(config.operator.signingKeys.ecdsa).toMatchObject({ keystoreFile: '/keys/k.json' });
    expect(config.operator.signingKeys.ecdsa?.password?.reveal()).toBe('pw');
  });

  test('behavior: useRemoteSigner is remoteSigner', async () => {
    const config = await configOfText(
      'aggregator',
      changed(
        AGGREGATOR_YAML,
        `privateKey: "0x${'ab'.repeat(32)}"`,
        'useRemoteSigner: true\n    remoteSignerConfig: {url: "https://signer", fromAddress: "0x1111111111111111111111111111111111111111"}',
      ),
    );
    expect(config.operator.operatorPrivateKey.remoteSigner).toBe(true);
  });

  test('behavior: authentication.isEnabled is enabled, processType docker is server', async () => {
    const config = await configOfText(
      'executor',
      `${EXECUTOR_YAML}authentication: {isEnabled: false}
avsPerformers:
  - {avsAddress: "0x2222222222222222222222222222222222222222", processType: docker, image: {repository: a, tag: 1.0}}
`,
    );
    expect(config.authentication.enabled).toBe(false);
    expect(config.avsPerformers[0]).toMatchObject({
      processType: 'server',
      deploymentMode: 'docker',
      image: { tag: '1.0' },
    });
  });

  test('behavior: a number in quotes, as templates write it, and a performer’s operator are accepted', async () => {
    const { config, problems } = await examineText(
      'executor',
      `${changed(EXECUTOR_YAML, 'chainId: 31337', 'chainId: "31337"')}grpcPort: "7000"
avsPerformers:
  - avsAddress: "0x2222222222222222222222222222222222222222"
    operatorAddress: "0x1111111111111111111111111111111111111111"
    image: {repository: a, tag: "1"}
`,
      { strict: true },
    );
    expect(problems).toEqual([]);
    expect(config).toMatchObject({ grpcPort: 7_000, l1Chain: { chainId: 31_337 } });
  });

  test('behavior: a contract is an address or JSON text that holds one', async () => {
    const address = '0xABcdABcdABcdABcdABcdABcdABcdABcdABcdABcd';
    const config = await configOfText(
      'aggregator',
      `${AGGREGATOR_YAML}overrideContracts:
  taskMailbox: {contract: '{"name":"TaskMailbox","Address":"${address}","abiVersions":[]}', chainIds: [31337]}
  keyRegistrar: {contract: "${address}"}
`,
    );
    expect(config.overrideContracts).toEqual({
      taskMailbox: { contract: address.toLowerCase(), chainIds: [31_337] },
      keyRegistrar: { contract: address.toLowerCase(), chainIds: [] },
    });
  });

  test('error: two spellings of one key', async () => {
    const { problems } = await examineText('executor', `${EXECUTOR_YAML}grpcPort: 1\nGRPCPORT: 2\n`);
    expect(problems.map(brief)).toEqual([
      '12 GRPCPORT: GRPCPORT and grpcPort are the same key; keep one of them',
    ]);
  });
});

describe('environment and flags', () => {
  test('behavior: a flag beats the environment, the environment beats the file', async () => {
    const text = `${EXECUTOR_YAML}grpcPort: 1\n`;
    const env = { EXECUTOR_GRPC_PORT: '2' };
    expect((await configOfText('executor', text)).grpcPort).toBe(1);
    expect((await configOfText('executor', text, { env })).grpcPort).toBe(2);
    expect((await configOfText('executor', text, { env: { EXECUTOR__GRPC_PORT: '3' } })).grpcPort).toBe(3);
    expect((await configOfText('executor', text, { env, flags: { grpcPort: '4' } })).grpcPort).toBe(4);
  });

  test('behavior: flags and words of the environment become what the key holds', async () => {
    const config = await configOfText('executor', EXECUTOR_YAML, {
      env: { EXECUTOR_DEBUG: 'TRUE', EXECUTOR_PERFORMER_NETWORK_NAME: '7' },
    });
    expect(config.debug).toBe(true);
    expect(config.performerNetworkName).toBe('7');
  });

  test('error: a wrong flag and a wrong variable are named', async () => {
    const { problems } = await examineText('executor', EXECUTOR_YAML, {
      env: { EXECUTOR_DEBUG: 'maybe' },
      flags: { grpcPort: '99999' },
    });
    expect(problems.map(brief).sort()).toEqual([
      '--grpc-port: found "99999", expected a port from 1 to 65535 (0: any free one)',
      'EXECUTOR_DEBUG: found "maybe", expected true or false',
    ]);
  });

  test('behavior: variables are put into texts and numbers, not into passwords and performer values', async () => {
    const config = await configOfText(
      'executor',
      `${changed(EXECUTOR_YAML, 'privateKey: "cd', `password: "${dollar}{X}"\n      privateKey: "cd`)}grpcPort: ${dollar}{PORT}
performerNetworkName: net-${dollar}{X}
avsPerformers:
  - avsAddress: "0x2222222222222222222222222222222222222222"
    image: {repository: a, tag: b}
    envs: [{name: A, value: "${dollar}{X}"}]
`,
      { env: { X: 'x', PORT: '7001' } },
    );
    expect(config.grpcPort).toBe(7_001);
    expect(config.performerNetworkName).toBe('net-x');
    expect(config.operator.signingKeys.ecdsa?.password?.reveal()).toBe(`${dollar}{X}`);
    expect(config.avsPerformers[0]?.envs[0]?.value?.reveal()).toBe(`${dollar}{X}`);
  });

  test('error: an unset variable is one problem, and its key is not called missing as well', async () => {
    const { problems } = await examineText(
      'aggregator',
      changed(AGGREGATOR_YAML, '"0x1111111111111111111111111111111111111111"', `${dollar}{OPERATOR}`),
    );
    expect(problems.map(brief)).toEqual(['3 operator.address: the environment variable OPERATOR is not set']);
  });
});

describe('problems', () => {
  test('error: all at once, in the order of the file', async () => {
    const { problems } = await examineText(
      'aggregator',
      `l1ChainId: 5
operator: {address: nobody}
chains:
  - {chainId: 31337, rpcUrl: "ftp://x", pollIntervalSeconds: -1}
  - 7
storage: {type: level}
grpc: here
`,
    );
    expect(problems.map(brief)).toEqual([
      '1 l1ChainId: found 5, expected one of 1, 17000, 560048, 11155111, 31337',
      '2 operator.signingKeys: a signing key is missing: give bls (a BN254 keystore), ecdsa, or both',
      '2 operator.operatorPrivateKey: the key that pays for transactions is missing: give privateKey or remoteSigner',
      '2 operator.address: found "nobody", expected an address (0x and 40 hex digits)',
      '4 chains[0].rpcUrl: found "ftp://x", expected a URL that begins with http:// or https://',
      '4 chains[0].pollIntervalSeconds: found -1, expected a number from 0.05 to 3600',
      expect.stringMatching(/^5 chains\[1\]: found 7, expected a mapping with name, version, chainId/),
      '6 storage.level.dir: is missing: storage of type level needs a folder',
      '7 grpc: found "here", expected a mapping with host, tls, clientTls',
    ]);
  });

  test('error: an empty file lists what must be there', async () => {
    const { problems } = await examineText('executor', '');
    expect(problems.map(brief)).toEqual([
      '1 operator.address: is missing: expected an address (0x and 40 hex digits)',
      '1 l1Chain.chainId: is missing: expected one of 1, 17000, 560048, 11155111, 31337',
      '1 operator.signingKeys: a signing key is missing: give bls (a BN254 keystore), ecdsa, or both',
    ]);
  });

  test('behavior: an unknown key is a warning with the key that was meant, and an error when strict', async () => {
    const text = `${EXECUTOR_YAML}grpcPrt: 1\nwhatever: 2\n`;
    const expected = [
      '11 grpcPrt: this key is not known; did you mean grpcPort?',
      '12 whatever: this key is not known',
    ];
    const lenient = await examineText('executor', text);
    expect(lenient.problems).toEqual([]);
    expect(lenient.warnings.map(brief)).toEqual(expected);
    expect((await examineText('executor', text, { strict: true })).problems.map(brief)).toEqual(expected);
    expect((await examineText('executor', text, { flags: { strict: true } })).problems.map(brief)).toEqual(
      expected,
    );
  });

  test('error: no secret and no access key is repeated', async () => {
    const { problems } = await examineText(
      'aggregator',
      `l1ChainId: 31337
operator:
  address: "0x1111111111111111111111111111111111111111"
  operatorPrivateKey: {privateKey: tell-nobody}
  signingKeys:
    bls: {keystore: tell-nobody, password: [tell-nobody]}
    ecdsa: {privateKey: {tell-nobody: 1}}
chains:
  - {chainId: 31337, rpcUrl: "wss://user:tell-nobody@host/tell-nobody"}
  - {chainId: 31338, rpcUrl: "host.example/tell-nobody"}
`,
    );
    expect(problems.length).toBe(6);
    expect(problems.map(brief).join('\n')).not.toContain('tell-nobody');
  });

  test('error: loadConfig ends with CONFIG_INVALID and one line for each problem', async () => {
    await expect(
      loadConfig('executor', { file: 'test/fixtures/config/original-executor.yaml', env: {} }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^test\/fixtures\/config\/original-executor\.yaml has 6 problems:\n {2}test\/fixtures\/config\/original-executor\.yaml:6:12: operator\.address: found/,
      ),
    });
  });

  test('error: no file is named, and a file that is not there', async () => {
    await expect(loadConfig('executor', { env: {} })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      advice: expect.stringContaining('EXECUTOR_CONFIG'),
    });
    await expect(loadConfig('executor', { env: { EXECUTOR_CONFIG: '/nowhere.yaml' } })).rejects.toMatchObject(
      {
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('/nowhere.yaml'),
      },
    );
  });
});
