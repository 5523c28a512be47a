/** Releases of an AVS on a real chain: listed, compared with images, and demanded of them. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { chainId, parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { requireReleased } from '../../src/chain/released-images.js';
import { l1CoreAddresses } from '../../src/config/known-chains.js';
import { attachL1 } from '../../src/devnet/deploy.js';
import { SetupChain } from '../../src/devnet/setup-chain.js';
import { startDevnet, type TestDevnet } from '../support/devnet.js';
import { runPonos } from '../support/run-ponos.js';

const digestOf = (byte: string) => `sha256:${byte.repeat(32)}`;
const [OLD, NEW, HELPER, UNKNOWN] = ['a1', 'b2', 'c3', 'd4'].map(digestOf) as [
  string,
  string,
  string,
  string,
];

let devnet: TestDevnet;
let chain: SetupChain;
let client: ChainClient;

beforeAll(async () => {
  devnet = await startDevnet(1);
  const [l1] = devnet.state.chains;
  if (l1 === undefined) throw new Error('the devnet has no L1');
  chain = new SetupChain(l1.url, l1.chainId, true);
  client = createChainClient({
    chainId: chainId(l1.chainId),
    name: 'L1',
    rpcUrls: [l1.url],
    clock: systemClock,
    logger: silentLogger,
  });
  // Set 1 has two releases, set 2 none.
  const { default: artifacts } = await import('#devnet-contracts');
  const { releaseManager } = attachL1(artifacts);
  const { avs } = devnet.cast;
  const set = [avs.address, 1];
  // Registries are any text that an AVS likes, also one that clears a terminal.
  const registryOf = (digest: string) => `registry.example/avs${digest === HELPER ? '\x1b[2J' : ''}`;
  const publish = (...digests: string[]) =>
    chain.send(avs, releaseManager, 'publishRelease', [
      set,
      [digests.map((digest) => [digest.replace('sha256:', '0x'), registryOf(digest)]), 4_102_444_800],
    ]);
  await chain.send(avs, releaseManager, 'publishMetadataURI', [set, 'https://avs.example/releases.json']);
  await publish(OLD);
  await publish(NEW, HELPER);
  await chain.settle(systemClock);
}, 60_000);

afterAll(async () => {
  chain.close();
  await client.close();
  await devnet.close();
});

const release = (...args: string[]) => runPonos(['release', ...args], { cwd: devnet.folder });
const onDevnet = (...args: string[]) => release(...args, '--devnet', devnet.folder);

/** The devnet's executor with an image and the demand for releases. */
function executorConfig(image: object): string {
  const [seat] = devnet.state.executors;
  const config = parse(fs.readFileSync(seat?.config ?? '', 'utf8'));
  const [performer] = config.avsPerformers;
  const file = path.join(devnet.folder, 'released.yaml');
  const avsPerformers = [{ ...performer, deploymentMode: 'docker', command: undefined, image }];
  const changed = { ...config, avsPerformers, storage: { type: 'memory' }, releases: { require: 'latest' } };
  fs.writeFileSync(file, stringify(changed), { mode: 0o600 });
  return file;
}

describe('ponos release list', () => {
  test('default: every artifact of every release, the oldest first', async () => {
    const { code, stdout } = await onDevnet('list', '--operator-set', '1');
    expect(code).toBe(0);
    const rows = stdout.trim().split('\n').slice(2);
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['0', OLD, 'registry.example/avs', '2100-01-01T00:00:00.000Z'],
      ['1', NEW, 'registry.example/avs', '2100-01-01T00:00:00.000Z'],
      ['1', HELPER, 'registry.example/avs\\x1b[2J', '2100-01-01T00:00:00.000Z'],
    ]);
  });

  test('behavior: by endpoint and for machines; an operator set without releases has none', async () => {
    const { avs } = devnet.state;
    const endpoint = ['--rpc-url', devnet.state.chains[0]?.url ?? '', '--avs', avs];
    const { code, stdout } = await release('list', '--operator-set', '2', '--json', ...endpoint);
    expect([code, JSON.parse(stdout)]).toEqual([0, { avs, operatorSetId: 2, releases: [] }]);
    const { stdout: told } = await onDevnet('list', '--operator-set', '2');
    expect(told).toBe(`AVS ${avs} has published no release for operator set 2.\n`);
  });

  test('error: on a chain without a ReleaseManager, and without an operator set', async () => {
    const endpoint = ['--rpc-url', devnet.state.chains[1]?.url ?? '', '--avs', devnet.state.avs];
    const onL2 = await release('list', '--operator-set', '1', ...endpoint);
    expect(onL2).toMatchObject({ code: 2, stderr: expect.stringContaining('no ReleaseManager is known') });
    expect((await onDevnet('list')).code).toBe(2);
  });
});

describe('ponos release check', () => {
  test.each([
    ['digests of the latest release', [NEW, HELPER], 0],
    ['a digest of an earlier release', [OLD], 1],
    ['one of two is unknown', [NEW, UNKNOWN], 1],
  ])('default: %s', async (_case, digests, code) => {
    const flags = digests.flatMap((digest) => ['--digest', digest]);
    const checked = await onDevnet('check', '--operator-set', '1', '--json', ...flags);
    expect(checked.code).toBe(code);
    const { images, isReleased, latest } = JSON.parse(checked.stdout);
    expect([isReleased, latest.id]).toEqual([code === 0, 1]);
    expect(images.map(({ digest }: { digest: string }) => digest)).toEqual(digests);
  });

  test('behavior: images of a configuration, on its own L1', async () => {
    const good = executorConfig({ repository: 'registry.example/avs', digest: NEW });
    expect(await release('check', '--operator-set', '1', '--config', good)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`configuration +registry.example/avs@${NEW} +released`)),
    });
    const tagged = executorConfig({ repository: 'registry.example/avs', tag: 'latest' });
    expect(await release('check', '--operator-set', '1', '--config', tagged)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('the image is named by a tag, and a release names digests'),
    });
  });

  test('error: nothing to check, and what is no digest', async () => {
    expect((await onDevnet('check', '--operator-set', '1')).code).toBe(2);
    expect((await onDevnet('check', '--operator-set', '1', '--digest', 'latest')).code).toBe(2);
  });
});

describe('releases.require: latest', () => {
  const check = (digest: string | undefined, operator = devnet.cast.executors[0]?.address) => {
    const { allocationManager, releaseManager } = l1CoreAddresses(31_337, {});
    if (releaseManager === undefined || operator === undefined) throw new Error('the devnet lacks something');
    return requireReleased(
      { avs: devnet.state.avs, repository: 'registry.example/avs', digest },
      { l1: client, allocationManager, releaseManager, operator },
    );
  };

  test('default: what is in the latest release passes, for an operator that is in no set yet, too', async () => {
    await expect(check(NEW)).resolves.toBeUndefined();
    await expect(check(HELPER, parseAddress(`0x${'77'.repeat(20)}`))).resolves.toBeUndefined();
  });

  test.each([[OLD], [UNKNOWN], [undefined]])('error: %s does not', async (digest) => {
    await expect(check(digest)).rejects.toMatchObject({
      code: 'RELEASE_REFUSED',
      facts: { avs: devnet.state.avs, digest },
    });
  });

  test('error: an executor does not start with an image that is not released, and says which release it is not in', async () => {
    const file = executorConfig({ repository: 'registry.example/avs', digest: OLD });
    const env = { PONOS_RUNTIME_DIR: path.join(devnet.folder, 'locks') };
    const { code, stderr } = await runPonos(['executor', 'start', '--config', file], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('the digest is not in release 1, the latest of operator set 1');
    expect(stderr).toContain('ponos release list');
  });
});
