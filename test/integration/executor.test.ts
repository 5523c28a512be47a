/** An executor on real chains, with a real performer, over real gRPC. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Channel, createChannel, createClient } from 'nice-grpc';
import { type Address, parseAddress } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import { loadConfig } from '../../src/config/load.js';
import type { ExecutorConfig } from '../../src/config/types.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { ecdsaAddress, recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { type Executor, startExecutor } from '../../src/executor/executor.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  taskMessageHash,
} from '../../src/protocol/result.js';
import {
  ExecutorServiceDefinition,
  type TaskResult,
  type TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../../src/rpc/generated/grpc/health/v1/health.js';
import { startDevnet, type TestDevnet } from '../support/devnet.js';
import {
  BN254_SET,
  type ChainLabel,
  type DevnetTasks,
  ECDSA_SET,
  openDevnetTasks,
} from '../support/devnet-tasks.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { drop } from '../support/fault-proxy-faults.js';
import { leapingClock } from '../support/leaping-clock.js';
import { type LogLine, recordingLogger } from '../support/recording-logger.js';
import { until } from '../support/until.js';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const ABORTED = 10;

let devnet: TestDevnet;
let bn254: Bn254;
let tasks: DevnetTasks;
let config: ExecutorConfig;
let operator: Address;

beforeAll(async () => {
  devnet = await startDevnet(1);
  bn254 = await loadBn254();
  tasks = await openDevnetTasks(devnet);
  const [node] = devnet.state.executors;
  if (!node) throw new Error('the devnet has no executor');
  operator = node.address;
  config = (await loadConfig('executor', { file: node.config, env: {} })).config;
}, 120_000);

afterAll(async () => {
  await tasks?.close();
  await devnet?.close();
});

const lockFolder = () => path.join(devnet.folder, 'locks');
const start = (changes: Partial<ExecutorConfig> = {}, logger = silentLogger, clock: Clock = systemClock) =>
  startExecutor(
    {
      config: { ...config, ...changes },
      acceptFreshState: false,
      env: { ...process.env, PONOS_RUNTIME_DIR: lockFolder() },
      clock,
      logger,
    },
    new AbortController().signal,
  );

const createTask: DevnetTasks['create'] = (...task) => tasks.create(...task);
const submissionOf = (task: TaskCreatedEvent, chain: ChainLabel) => tasks.submission(task, chain, operator);

const connect = (port: number): Channel => createChannel(`127.0.0.1:${port}`);

/** What is promised of a serving executor holds whatever the date of its machine. */
describe('a serving executor, whose clock is an hour ahead', () => {
  const HOUR_MS = 3_600_000;
  const clock = leapingClock();
  const log: LogLine[] = [];
  let executor: Executor;
  let channel: Channel;
  const submit = (request: TaskSubmission, signal?: AbortSignal): Promise<TaskResult> =>
    createClient(ExecutorServiceDefinition, channel).submitTask(request, { signal });

  beforeAll(async () => {
    clock.step(HOUR_MS);
    executor = await start({}, recordingLogger(log), clock);
    channel = connect(executor.grpcPort);
  }, 60_000);
  afterAll(async () => {
    channel?.close();
    await executor?.close();
    expect(await readdir(lockFolder())).toEqual([]);
  }, 60_000);

  test('default: a task on L1 for the BN254 set', async () => {
    const task = await createTask('L1', BN254_SET, 'echo hello');
    const result = await submit(await submissionOf(task, 'L1'));
    expect(result).toMatchObject({ taskId: task.taskId, operatorAddress: operator, version: 1 });
    expect(result.output.toString()).toBe('hello');
    const digest = keccak256(
      bn254CertificatePreimage(task.referenceTimestamp, taskMessageHash(task.taskId, result.output)),
    );
    const secret = devnet.cast.executors[0]?.bn254Secret ?? 0n;
    const { g2 } = bn254.derivePublicKey(secret);
    const signature = bn254.parseSignature(result.resultSignature);
    expect(bn254.verify(g2, digest, 'solidity', signature)).toBe(true);
  });

  test('default: a task on L2 for the ECDSA set', async () => {
    const task = await createTask('L2', ECDSA_SET, 'echo hello');
    const result = await submit(await submissionOf(task, 'L2'));
    const { ecdsaCertificateVerifier } = coreAddresses(31_338, {});
    const preimage = ecdsaCertificatePreimage(
      task.referenceTimestamp,
      taskMessageHash(task.taskId, result.output),
      ecdsaDomainSeparator(ecdsaCertificateVerifier),
    );
    const secret = devnet.cast.executors[0]?.ecdsaSigning.secret ?? new Uint8Array();
    expect(recoverEcdsa(keccak256(preimage), result.resultSignature)).toBe(ecdsaAddress(secret));
  });

  test('behavior: callers at once, and one after a hang-up, share one run', async () => {
    const marker = path.join(devnet.folder, 'runs');
    await rm(marker, { force: true });
    const task = await createTask('L1', ECDSA_SET, `append ${marker}`);
    const request = await submissionOf(task, 'L1');
    const caller = new AbortController();
    const hungUp = submit(request, caller.signal).catch(() => undefined);
    const all = Array.from({ length: 50 }, () => submit(request));
    caller.abort();
    const results = await Promise.all(all);
    await hungUp;
    for (const result of results) expect(result).toEqual(results[0]);
    expect(await readFile(marker, 'utf8')).toBe('x');
  });

  test('error: what is refused, and by which status', async () => {
    const task = await createTask('L1', ECDSA_SET, 'echo hello');
    const request = await submissionOf(task, 'L1');
    await expect(submit({ ...request, version: 3 })).rejects.toMatchObject({ code: INVALID_ARGUMENT });
    await expect(submit({ ...request, payload: Buffer.from('echo bye') })).rejects.toMatchObject({
      code: PERMISSION_DENIED,
    });
    await expect(submit({ ...request, aggregatorAddress: operator })).rejects.toMatchObject({
      code: PERMISSION_DENIED,
    });
    await expect(submit({ ...request, avsAddress: operator })).rejects.toMatchObject({ code: NOT_FOUND });
    const failing = await createTask('L1', ECDSA_SET, 'fail no such number');
    await expect(submit(await submissionOf(failing, 'L1'))).rejects.toMatchObject({
      code: ABORTED,
      details: expect.stringContaining('no such number'),
    });
  });

  test('behavior: health says SERVING, for the server and its service', async () => {
    const health = createClient(HealthDefinition, channel);
    for (const service of ['', ExecutorServiceDefinition.fullName]) {
      const { status } = await health.check({ service });
      expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
    }
  });

  test('behavior: that the clock differs from the time of the chains is told once for each, and once that it is over', async () => {
    const told = () =>
      log
        .filter(({ message }) => message.includes("this machine's clock"))
        .map(
          ({ level, message, fields }) => `${fields.chainId} ${level}: ${message.split(/ the chain's|,/)[0]}`,
        );
    const begun = ['31337', '31338'].map((id) => `${id} warn: this machine's clock is ahead of`);
    expect(told()).toEqual(begun);
    clock.step(-HOUR_MS);
    const task = await createTask('L1', BN254_SET, 'echo on time');
    await submit(await submissionOf(task, 'L1'));
    expect(told()).toEqual([...begun, "31337 info: this machine's clock and"]);
  });

  test('error: a second node with the same key is refused and names the first', async () => {
    const storage = { ...config.storage, type: 'memory' as const };
    await expect(start({ storage, grpcPort: 0, managementServerGrpcPort: 0 })).rejects.toMatchObject({
      code: 'KEY_IN_USE',
      facts: { pid: process.pid },
    });
  });
});

describe('stopping and starting again', () => {
  test('behavior: a closing executor answers what it runs; the next one answers the same from its store', async () => {
    const marker = path.join(devnet.folder, 'slow-runs');
    await rm(marker, { force: true });
    const executor = await start();
    const channel = connect(executor.grpcPort);
    const task = await createTask('L1', BN254_SET, `append-slowly ${marker}`);
    const request = await submissionOf(task, 'L1');
    const answered = createClient(ExecutorServiceDefinition, channel).submitTask(request);
    await until('the task runs', () => existsSync(marker));
    await executor.close();
    const before = await answered;
    channel.close();

    const next = await start();
    const nextChannel = connect(next.grpcPort);
    const after = await createClient(ExecutorServiceDefinition, nextChannel).submitTask(request);
    nextChannel.close();
    await next.close();
    expect(after).toEqual(before);
    expect(await readFile(marker, 'utf8')).toBe('x');
  }, 60_000);
});

describe('what keeps an executor from starting', () => {
  const NOWHERE = parseAddress('0x00000000000000000000000000000000deadbeef');
  const url = (index: number) => devnet.state.chains[index]?.url ?? '';
  const l1At = (rpcUrl: string) => {
    const l1Chain = { ...config.l1Chain, rpcUrls: [rpcUrl] };
    return { l1Chain, chains: [l1Chain] };
  };

  test.each<[string, () => Promise<Partial<ExecutorConfig>> | Partial<ExecutorConfig>, string]>([
    ['an RPC of another chain', () => l1At(url(1)), 'CHAIN_MISMATCH'],
    [
      'a contract that is not there',
      () => ({ overrideContracts: { keyRegistrar: { contract: NOWHERE, chainIds: [] } } }),
      'CONTRACT_MISSING',
    ],
    [
      'an AVS without a registrar',
      () => ({ avsPerformers: config.avsPerformers.map((each) => ({ ...each, avsAddress: NOWHERE })) }),
      'AVS_UNKNOWN',
    ],
    [
      'a wrong password',
      () => {
        const { bls, ...others } = config.operator.signingKeys;
        const signingKeys = { ...others, bls: bls && { ...bls, password: new Secret('wrong') } };
        return { operator: { ...config.operator, signingKeys } };
      },
      'KEYSTORE_PASSWORD',
    ],
    [
      'a port in use',
      () => {
        const port = Number(new URL(url(0)).port);
        return { grpcPort: port, managementServerGrpcPort: port };
      },
      'PORT_IN_USE',
    ],
  ])(
    'error: %s; nothing is left behind',
    async (_name, changes, code) => {
      await expect(start(await changes())).rejects.toMatchObject({ code });
      expect(existsSync(lockFolder()) ? await readdir(lockFolder()) : []).toEqual([]);
      // The store is free again, and so is everything else.
      const executor = await start();
      await executor.close();
    },
    60_000,
  );

  test('behavior: an executor whose L1 is down waits for it, says so once, and serves when it is there', async () => {
    const proxy = await startFaultProxy([url(0)]);
    proxy.set(drop);
    const lines: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (message) => {
        if (!/is not reached/.test(message)) return;
        lines.push(message);
        proxy.heal();
      },
      child: () => logger,
    };
    try {
      const executor = await start(l1At(proxy.url), logger);
      await executor.close();
      expect(lines).toEqual(['a chain is not reached; the node starts as soon as it is']);
    } finally {
      await proxy.close();
    }
  }, 60_000);

  test('behavior: a start that is given up ends with ABORTED', async () => {
    const options = {
      config,
      acceptFreshState: false,
      env: { ...process.env, PONOS_RUNTIME_DIR: lockFolder() },
      clock: systemClock,
      logger: silentLogger,
    };
    await expect(startExecutor(options, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await readdir(lockFolder())).toEqual([]);
  });
});
