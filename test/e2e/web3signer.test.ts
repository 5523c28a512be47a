/** Nodes whose keys are in a remote signer, from the task to the certificate on both chains. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { toHex } from '../../src/base/bytes.js';
import { createCast } from '../../src/devnet/cast.js';
import { type BuiltDevnet, buildDevnet, type NodeSeat } from '../support/built-devnet.js';
import { createAuthority, type TestAuthority } from '../support/certificates.js';
import { runPonos } from '../support/run-ponos.js';
import { startWeb3Signer, type TestWeb3Signer } from '../support/web3signer.js';

const cast = createCast(1);
const [executor] = cast.executors;
if (executor === undefined) throw new Error('the cast has no executor');

let devnet: BuiltDevnet;
let authority: TestAuthority;
let signer: TestWeb3Signer;
beforeAll(async () => {
  authority = await createAuthority();
  [devnet, signer] = await Promise.all([
    buildDevnet(1),
    startWeb3Signer({
      secret: cast.aggregator.secret,
      others: [cast.aggregator.ecdsaSigning.secret, executor.ecdsaSigning.secret],
      // One signer is started for one chain; the aggregator pays on two.
      chainId: 31_337,
      tls: { certificate: await authority.issue(), clientAuthority: authority },
      isRandom: true,
    }),
  ]);
}, 60_000);
afterAll(async () => {
  await signer.close();
  await devnet.close();
});

/** What an operator writes: certificates as files beside the configuration. */
async function remoteKey(folder: string, name: string, fromAddress: string): Promise<object> {
  const { cert, key } = await authority.issue({ name, usages: ['client'] });
  const file = (kind: string, text: string) => {
    const place = path.join(folder, `${name}-${kind}.pem`);
    fs.writeFileSync(place, text, { mode: 0o600 });
    return place;
  };
  return {
    remoteSigner: true,
    remoteSignerConfig: {
      url: signer.url,
      fromAddress,
      caCert: authority.cert,
      cert: file('cert', cert),
      key: file('key', key),
    },
  };
}

const createTask = (chain: 'L1' | 'L2') =>
  runPonos([
    ...['task', 'create', '--devnet', devnet.folder, '--chain', chain, '--operator-set', '2'],
    ...['--payload-text', '0x07', '--wait', '--json'],
  ]);

describe('keys in a remote signer', () => {
  const seats: NodeSeat[] = [];
  afterAll(async () => {
    for (const seat of seats) await seat.remove();
  });

  test('default: tasks of both chains are certified and paid for by nodes that have none of these keys', async () => {
    const certificates = path.join(devnet.folder, 'signer');
    fs.mkdirSync(certificates);
    const paying = await remoteKey(certificates, 'paying', cast.aggregator.address);
    const managing = await remoteKey(certificates, 'managing', cast.aggregator.ecdsaSigning.address);
    const signing = await remoteKey(certificates, 'signing', executor.ecdsaSigning.address);
    seats.push(
      await devnet.seat('aggregator', ({ operator }) => {
        operator.operatorPrivateKey = paying;
        operator.signingKeys.ecdsa = managing;
      }),
      await devnet.seat('executor-1', ({ operator }) => {
        // An executor sends no transactions, and this one signs for its ECDSA set alone.
        delete operator.operatorPrivateKey;
        operator.signingKeys = { ecdsa: signing };
      }),
    );
    const nodes = seats.map((seat) => seat.start({}, { limitMs: 90_000 }));
    const [aggregator, executorNode] = nodes;
    await Promise.all([
      aggregator?.logged('aggregator is watching'),
      executorNode?.logged('executor is serving'),
    ]);

    const created = [await createTask('L1'), await createTask('L2')];
    expect(created.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(created.map(({ stdout }) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '').status)).toEqual([
      'verified',
      'verified',
    ]);

    // The signer makes transactions for L1; those for L2 are data to it, signed with the key that pays.
    expect(signer.asked.filter((call) => call === 'eth_signTransaction').length).toBeGreaterThanOrEqual(2);
    expect(signer.asked).toContain(`POST /api/v1/eth1/sign/${signer.publicKey.slice(2)}`);
    expect(new Set(signer.clients)).toEqual(new Set(['paying', 'managing', 'signing']));

    for (const node of nodes) node.kill('SIGTERM');
    const ended = await Promise.all(nodes.map((node) => node.ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const keys = [cast.aggregator.secret, cast.aggregator.ecdsaSigning.secret, executor.ecdsaSigning.secret];
    const written = seats.map((seat) => everythingIn(seat.folder)).join('\n');
    for (const key of keys) {
      expect(written).not.toContain(toHex(key).slice(2));
      expect(ended.map(({ stderr }) => stderr).join('\n')).not.toContain(toHex(key).slice(2));
    }
    expect(ended.map(({ stderr }) => stderr).join('\n')).not.toContain('PRIVATE KEY');
  }, 100_000);
});

/** The text of every file below a folder. */
function everythingIn(folder: string): string {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.node'))
    .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}
