/** The commands that manage a node, against nodes that are not ours, hang, or are gone. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server, ServerError, Status } from 'nice-grpc';
import { parseAddress } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { isPonosError, type PonosError } from '../../src/base/error.js';
import { ecdsaAddress, recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { deregisterAvs, registerAvs } from '../../src/operations/aggregator/registration.js';
import { showTasks } from '../../src/operations/aggregator/tasks.js';
import { deployPerformer } from '../../src/operations/executor/deploy.js';
import { showHistory } from '../../src/operations/executor/history.js';
import { listPerformers } from '../../src/operations/executor/list.js';
import { showLogs } from '../../src/operations/executor/logs.js';
import { removePerformer } from '../../src/operations/executor/remove.js';
import type { Terminal } from '../../src/operations/terminal.js';
import { challengeTokenMessage } from '../../src/protocol/management.js';
import { AggregatorManagementServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/aggregator/aggregator.js';
import type { AuthSignature } from '../../src/rpc/generated/eigenlayer/hourglass/v1/common/auth.js';
import { ExecutorManagementServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);
const SECRET = new Uint8Array(32).fill(5);
const DIGEST = `sha256:${'1a'.repeat(32)}`;

let folder: TemporaryFolder;
let printed: string[];
const terminal: Terminal = {
  env: { LICENCE: 'sesame' },
  print: (line) => void printed.push(line),
  pour: async () => undefined,
  stderr: { isTerminal: false, write: () => undefined },
};

beforeEach(async () => {
  folder = await temporaryFolder();
  writeFileSync(keyFile(), `${toHex(SECRET)}\n`);
  printed = [];
});
afterEach(() => folder.remove());

const keyFile = () => path.join(folder.path, 'operator_ecdsa.pri');

async function failureOf(call: Promise<unknown>): Promise<PonosError> {
  const error = await call.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (isPonosError(error)) return error;
  throw error;
}

/** As public nodes are: they have these calls and no others, and want the peers' form of credentials. */
describe('a node that is not ours', () => {
  let server: Server;
  let flags: { address: string; keyFile: string; operator: string };
  let calls: unknown[];
  let tokens: Set<string>;

  function check(auth: AuthSignature | undefined): void {
    const { challengeToken = '', signature = Buffer.alloc(0) } = auth ?? {};
    const isKnown = tokens.delete(challengeToken);
    const digest = keccak256(challengeTokenMessage(challengeToken));
    if (isKnown && recoverEcdsa(digest, signature) === ecdsaAddress(SECRET)) return;
    throw new ServerError(Status.UNAUTHENTICATED, 'invalid auth\u001b[2J');
  }

  function issue(address: string): string {
    if (address !== OPERATOR) throw new ServerError(Status.PERMISSION_DENIED, 'not mine');
    const token = `${tokens.size}`.padStart(64, 'a');
    tokens.add(token);
    return token;
  }

  beforeEach(async () => {
    calls = [];
    tokens = new Set();
    server = createServer();
    server.add(ExecutorManagementServiceDefinition, {
      async deployArtifact({ auth, ...request }) {
        check(auth);
        calls.push(['deploy', request]);
        return { success: true, message: 'deployed', deploymentId: 'd1' };
      },
      async listPerformers({ auth, avsAddress }) {
        check(auth);
        calls.push(['list', avsAddress]);
        return {
          performers: [{ performerId: 'p1', avsAddress: AVS, status: 'InService', artifactRegistry: 'r' }],
        };
      },
      async removePerformer({ auth, performerId }) {
        check(auth);
        calls.push(['remove', performerId]);
        return { success: true, message: 'removed' };
      },
      getChallengeToken: async ({ operatorAddress }) => ({
        challengeToken: issue(operatorAddress),
        expiresAt: 1n,
      }),
    });
    server.add(AggregatorManagementServiceDefinition, {
      async registerAvs({ auth, avsAddress, chainIds }) {
        check(auth);
        calls.push(['register', avsAddress, chainIds]);
        return { success: true };
      },
      async deRegisterAvs({ auth, avsAddress }) {
        check(auth);
        calls.push(['deregister', avsAddress]);
        return { success: true };
      },
      getChallengeToken: async ({ aggregatorAddress }) => ({
        challengeToken: issue(aggregatorAddress),
        expiresAt: 1n,
      }),
    });
    const port = await server.listen('127.0.0.1:0');
    flags = { address: `127.0.0.1:${port}`, keyFile: keyFile(), operator: OPERATOR };
  });
  afterEach(() => server.forceShutdown());

  test('default: the calls that it has', async () => {
    const image = { image: 'ghcr.io/my-avs', digest: DIGEST, env: ['LICENCE'] };
    await deployPerformer({ ...flags, ...image, avs: AVS }, terminal);
    await listPerformers(flags, terminal);
    await removePerformer({ ...flags, performerId: 'p1', json: true }, terminal);
    await registerAvs({ ...flags, avs: AVS, chain: [1, 8453] }, terminal);
    await deregisterAvs({ ...flags, avs: AVS }, terminal);
    expect(calls).toEqual([
      [
        'deploy',
        {
          avsAddress: AVS,
          registryUrl: 'ghcr.io/my-avs',
          digest: DIGEST,
          env: [{ name: 'LICENCE', value: 'sesame', valueFromEnv: '', kubernetesEnv: undefined }],
          kubernetes: undefined,
        },
      ],
      ['list', ''],
      ['remove', 'p1'],
      ['register', AVS, [1, 8453]],
      ['deregister', AVS],
    ]);
    expect(printed[0]).toBe('deployed (deployment d1)');
    expect(printed[1]).toContain('InService');
    expect(JSON.parse(printed[2] ?? '')).toEqual({ success: true, message: 'removed' });
    expect(tokens.size).toBe(1); // The one for the call that the node does not have.
  });

  test('error: the calls that it does not have', async () => {
    for (const call of [
      () => showLogs({ ...flags, tail: 1 }, terminal),
      () => showHistory(flags, terminal),
      () => showTasks(flags, terminal),
    ]) {
      const { code, facts, advice } = await failureOf(call());
      expect([code, facts.status]).toEqual(['NODE_REFUSED', 'UNIMPLEMENTED']);
      expect(advice).toContain('Nodes other than ponos');
    }
  });

  test('error: without a key, with a wrong one, for another operator', async () => {
    const { address } = flags;
    const anonymous = await failureOf(listPerformers({ address }, terminal));
    expect(anonymous).toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: 'the node refuses: invalid auth\\x1b[2J',
      advice: expect.stringContaining('--key-file'),
    });
    writeFileSync(keyFile(), `${toHex(new Uint8Array(32).fill(6))}\n`);
    expect(await failureOf(listPerformers(flags, terminal))).toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      advice: expect.stringContaining("operator's signing key"),
    });
    expect(await failureOf(listPerformers({ ...flags, operator: AVS }, terminal))).toMatchObject({
      code: 'NODE_REFUSED',
      message: 'the node refuses: not mine',
    });
    expect(calls).toEqual([]);
  });
});

describe('a node that does not answer', () => {
  let silent: TcpServer;
  let sockets: Set<Socket>;
  let port: number;

  beforeEach(async () => {
    sockets = new Set();
    silent = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).resume();
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    port = address !== null && typeof address === 'object' ? address.port : 0;
  });
  afterEach(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  test.each([
    ['list', (flags: object) => listPerformers(flags, terminal)],
    ['logs --follow', (flags: object) => showLogs({ ...flags, tail: 0, follow: true }, terminal)],
    ['deploy', (flags: object) => deployPerformer({ ...flags, avs: AVS }, terminal)],
  ])('error: %s ends when its time is over', async (_what, run) => {
    const failure = await failureOf(run({ address: `127.0.0.1:${port}`, timeout: 0.2 }));
    expect(failure).toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(failure.message).toMatch(/has not answered in time|does not answer/);
  });

  test('error: nobody is there', async () => {
    silent.close();
    await once(silent, 'close');
    expect(await failureOf(listPerformers({ address: `127.0.0.1:${port}` }, terminal))).toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: expect.stringMatching(/^the node does not answer, or cannot now: /),
      facts: { node: `127.0.0.1:${port}` },
    });
  });
});

describe('flags', () => {
  test.each([
    [{}, /^no node is named/],
    [{ address: 'localhost' }, /^--address must be HOST:PORT/],
    [{ address: 'http://localhost:1' }, /^--address must be HOST:PORT/],
    [{ address: '127.0.0.1:1', operator: OPERATOR }, /go with --key-file$/],
    [{ address: '127.0.0.1:1', keyFile: 'x' }, /^--key-file needs the address of the operator/],
    [{ address: '127.0.0.1:1', keyFile: 'x', operator: 'me' }, /^--operator: an address must be 0x and 40/],
  ])('error: %o', async (flags, message) => {
    const failure = await failureOf(listPerformers(flags, terminal));
    expect(failure.code).toBe('USAGE');
    expect(failure.message).toMatch(message);
  });

  test('error: a key that signs no management calls', async () => {
    const file = path.join(folder.path, 'x_bls381.pri');
    writeFileSync(file, Buffer.alloc(32, 1));
    const flags = { address: '127.0.0.1:1', keyFile: file, operator: OPERATOR };
    expect(await failureOf(listPerformers(flags, terminal))).toMatchObject({ code: 'KEY_INVALID' });
  });
});
