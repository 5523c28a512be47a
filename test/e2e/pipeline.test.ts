/** The whole pipeline as its users run it: separate processes of the built executable on real chains. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { toHex, word } from '../../src/base/bytes.js';
import { isRunning } from '../../src/devnet/anvil.js';
import {
  BN254_SET,
  type E2eNetwork,
  ECDSA_SET,
  openNetwork,
  type PublishedTask,
} from '../support/e2e-network.js';
import { stopMining } from '../support/stop-mining.js';
import { LONG_MS, until } from '../support/until.js';
import { isListening, openWorkplace, type Workplace } from '../support/workplace.js';

const EXECUTORS = ['executor-1', 'executor-2', 'executor-3', 'executor-4'];

let workplace: Workplace;
beforeAll(() => {
  workplace = openWorkplace();
});
afterAll(() => workplace.close());

/** `host:port` of every endpoint that is named in a text. */
const endpointsIn = (text: string) => [...text.matchAll(/127\.0\.0\.1:\d+/g)].map(([endpoint]) => endpoint);

async function expectSilence(endpoints: readonly string[]): Promise<void> {
  // What is killed with the group of a performer takes a moment to be gone.
  await until('no process is left', () => workplace.leftovers().length === 0);
  expect(endpoints).not.toHaveLength(0);
  for (const endpoint of endpoints)
    expect([endpoint, await isListening(endpoint)]).toEqual([endpoint, false]);
}

describe('ponos demo', () => {
  const demoFolders = () => fs.readdirSync(workplace.folder).filter((name) => name.startsWith('ponos-demo-'));

  test('default: eight tasks are verified, without a stopped executor too, and nothing is left', async () => {
    const { code, stdout, stderr } = await workplace.run('demo');

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = stdout.split('\n').filter((line) => /certificate|block \d+ +\d+$/.test(line));
    const [head = '', ...tasks] = rows.slice(-9).map((row) => row.split(/ {2,}/).map((cell) => cell.trim()));
    expect(head).toEqual([
      'task',
      'chain',
      'curve',
      'signed',
      'did not sign',
      'certificate verified',
      'seconds',
    ]);
    const kinds = ['L1 bn254', 'L1 ecdsa', 'L2 bn254', 'L2 ecdsa'];
    expect(tasks.map(([, chain, curve]) => `${chain} ${curve}`)).toEqual([...kinds, ...kinds]);
    for (const [, , , signed, missing] of tasks) {
      expect(
        `${signed} ${missing}`
          .split(' ')
          .filter((name) => name !== '-')
          .sort(),
      ).toEqual(['1', '2', '3', '4']);
    }
    for (const [, , , signed, missing] of tasks.slice(4)) {
      expect(signed?.split(' ')).not.toContain('3');
      expect(missing?.split(' ')).toContain('3');
    }
    expect(stdout).toContain('8 of 8 tasks were verified on chain.');
    await expectSilence(endpointsIn(stdout));
    expect(demoFolders()).toEqual([]);
  }, 90_000);

  test.each([
    ['while the devnet is made', 'listens on'],
    ['while the nodes start', 'operator tables are on both chains'],
    ['while tasks are under way', 'Round 1'],
  ])(
    'behavior: Ctrl-C %s ends everything, and tells where the logs are',
    async (_when, text) => {
      const demo = workplace.start('demo');
      await demo.printed(text);
      demo.interrupt();
      const { code, stdout } = await demo.ended;

      expect(code).toBe(130);
      const [folder = ''] = demoFolders();
      expect(stdout).toContain(`Logs and configs are in ${path.join(workplace.folder, folder)}`);
      await expectSilence(endpointsIn(stdout));
      fs.rmSync(path.join(workplace.folder, folder), { recursive: true });
    },
    60_000,
  );
});

describe('a devnet, its nodes and tasks by separate commands', () => {
  let folder: string;
  let network: E2eNetwork;
  const printed = <T>(text: string): T => JSON.parse(text);

  beforeAll(async () => {
    folder = path.join(workplace.folder, 'net');
    const ports = ['--l1-port', '--l2-port', '--executor-port', '--management-port'].flatMap((flag) => [
      flag,
      '0',
    ]);
    await workplace.succeed('devnet', 'up', '--dir', folder, ...ports);
    network = await openNetwork(workplace, folder, EXECUTORS.length);
    await network.start(['aggregator', ...EXECUTORS]);
  }, 60_000);
  afterAll(() => network?.close());

  const expectVerifiedOnce = async (task: PublishedTask, result: string) => {
    const ended = await network.end(task);
    expect(ended).toMatchObject({ status: 'verified', verifications: 1, result });
    return ended;
  };

  test('default: a task is created, awaited, shown and watched', async () => {
    const devnet = ['--devnet', folder];
    const wanted = ['--operator-set', '1', '--payload-text', '0x07', '--wait', '--json'];
    const report = printed<{ taskId: string }>(
      await workplace.succeed('task', 'create', ...devnet, ...wanted),
    );
    expect(report).toMatchObject({
      chain: 'L1',
      status: 'verified',
      operatorSet: 1,
      curve: 'bn254',
      payload: toHex(Buffer.from('0x07')),
      result: toHex(Buffer.from('0x31')),
    });

    const status = await workplace.succeed('task', 'status', report.taskId, ...devnet);
    expect(status).toMatch(/^status +verified$/m);
    expect(status).toContain('("0x31")');
    expect(printed(await workplace.succeed('task', 'watch', report.taskId, ...devnet, '--json'))).toEqual(
      report,
    );
  }, 60_000);

  test('behavior: status tells of chains and operators; after a transport tasks use the new tables', async () => {
    type Status = {
      chains: { name: string; referenceTimestamp: number }[];
      operators: { name: string; socket: string; stake: Record<string, string> }[];
    };
    const readStatus = async () =>
      printed<Status>(await workplace.succeed('devnet', 'status', '--dir', folder, '--json'));
    const before = await readStatus();
    expect(before.chains.map(({ name }) => name)).toEqual(['L1', 'L2']);
    expect(before.operators.map(({ name }) => name)).toEqual(['aggregator', ...EXECUTORS]);
    expect(before.operators[1]).toMatchObject({
      socket: network.devnet.executors[0]?.socket,
      stake: { 1: '30000000000000000000', 2: '15000000000000000000' },
    });
    const table = await workplace.succeed('devnet', 'status', '--dir', folder);
    for (const name of ['L1', 'L2', ...EXECUTORS]) expect(table).toMatch(new RegExp(`^${name} `, 'm'));

    const transported = await workplace.succeed('devnet', 'transport', '--dir', folder);
    const referenceTimestamp = Number(/reference timestamp (\d+)/.exec(transported)?.[1]);
    expect(referenceTimestamp).toBeGreaterThan(before.chains[0]?.referenceTimestamp ?? 0);
    const after = await readStatus();
    expect(after.chains.map((chain) => chain.referenceTimestamp)).toEqual([
      referenceTimestamp,
      referenceTimestamp,
    ]);

    const [task] = await network.create([{ chain: 'L2', operatorSetId: ECDSA_SET, payload: '0x0c' }]);
    if (task === undefined) throw new Error('no task was created');
    const ended = await expectVerifiedOnce(task, '0x90');
    expect(ended.certifiedTimestamp).toBe(referenceTimestamp);
  }, 60_000);

  test('behavior: ten tasks of one block on each chain, both curves mixed, without one of the executors', async () => {
    await network.stop(['executor-3']);
    const wanted = (['L1', 'L2'] as const).flatMap((chain) =>
      Array.from({ length: 10 }, (_, index) => ({
        chain,
        operatorSetId: index % 2 === 0 ? BN254_SET : ECDSA_SET,
        payload: `0x${(0x10 + index).toString(16)}`,
      })),
    );
    for (const chain of ['L1', 'L2'] as const) await stopMining(network.client(chain));
    const creating = network.create(wanted);
    for (const chain of ['L1', 'L2'] as const) {
      await until(
        `ten tasks wait for a block of ${chain}`,
        async () => {
          const pool = (await network.rpc(chain, 'txpool_status', [])) as { pending: string };
          return Number(pool.pending) >= 10;
        },
        LONG_MS,
      );
      await network.rpc(chain, 'evm_setIntervalMining', [1]);
    }
    const tasks = await creating;
    for (const chain of ['L1', 'L2'] as const) {
      const blocks = tasks
        .filter((task) => task.chain === chain)
        .map(({ created }) => created.log.blockNumber);
      expect(new Set(blocks).size).toBe(1);
    }
    for (const task of tasks) {
      const ended = await expectVerifiedOnce(task, squareOf(task.payload));
      expect(network.signers(task, ended, EXECUTORS)).not.toContain('executor-3');
    }
  }, 90_000);

  test('behavior: an aggregator that is killed while executors work brings the task to its end later', async () => {
    // Two are as heavy as the threshold of set 1: without both nothing can be certified.
    await network.stop(['executor-4']);
    await network.kill('executor-1');
    const [task] = await network.create([{ chain: 'L1', operatorSetId: BN254_SET, payload: '0x21' }]);
    if (task === undefined) throw new Error('no task was created');
    await network.logged('aggregator', 'task sent', task.created.taskId);
    await network.logged('aggregator', 'a response counts', task.created.taskId);
    await network.kill('aggregator');
    await network.start(['aggregator', 'executor-1']);

    const ended = await expectVerifiedOnce(task, '0x0441');
    expect(network.signers(task, ended, EXECUTORS)).toEqual(['executor-1', 'executor-2']);
    await network.logged('aggregator', 'task verified', task.created.taskId);
    expect(network.lines('aggregator', 'task submitted', task.created.taskId)).toHaveLength(1);
    // The answer that came before the kill was kept: nobody had to give it again.
    expect(network.lines('executor-2', 'task received', task.created.taskId)).toHaveLength(1);
    expect(network.lines('executor-2', 'task answered from store', task.created.taskId)).toEqual([]);
  }, 90_000);

  test('behavior: an executor that is killed at work takes its performer along and does the task again', async () => {
    await network.stop(['executor-1', 'executor-2']);
    await network.start(['executor-1', 'executor-2']);
    const [inService = ''] = network.lines('executor-1', 'performer in service').slice(-1);
    const performer = Number(/process-(\d+)/.exec(inService)?.[1]);
    expect(isRunning(performer)).toBe(true);
    // It is at work for as long as it takes to kill its node.
    process.kill(performer, 'SIGSTOP');
    const [task] = await network.create([{ chain: 'L2', operatorSetId: BN254_SET, payload: '0x05' }]);
    if (task === undefined) throw new Error('no task was created');
    await network.logged('executor-1', 'task received', task.created.taskId);
    await network.kill('executor-1');
    await until('the performer is gone', () => !isRunning(performer), LONG_MS);
    await network.start(['executor-1']);

    const ended = await expectVerifiedOnce(task, '0x19');
    expect(network.signers(task, ended, EXECUTORS)).toEqual(['executor-1', 'executor-2']);
    expect(network.lines('executor-1', 'task received', task.created.taskId)).toHaveLength(2);
    expect(network.lines('executor-1', 'task answered', task.created.taskId)).toHaveLength(1);
    expect(network.lines('executor-2', 'task received', task.created.taskId)).toHaveLength(1);
  }, 90_000);

  test('behavior: performers that take longer than ten seconds are waited for, and asked once', async () => {
    await network.stop(['executor-1', 'executor-2']);
    await network.start(EXECUTORS, { performerDelayMs: 12_000 });
    const [task] = await network.create([{ chain: 'L1', operatorSetId: ECDSA_SET, payload: '0x06' }]);
    if (task === undefined) throw new Error('no task was created');
    const ended = await expectVerifiedOnce(task, '0x24');
    expect(ended.tookSeconds).toBeGreaterThanOrEqual(12);
    for (const name of EXECUTORS) {
      await network.logged(name, 'task answered', task.created.taskId);
      expect(network.lines(name, 'task received', task.created.taskId)).toHaveLength(1);
      expect(network.lines(name, 'task joined', task.created.taskId)).toEqual([]);
    }
  }, 90_000);

  test('behavior: no key and no password is in any log', () => {
    const { cast } = network;
    const operators = [cast.aggregator, ...cast.executors];
    const secrets = [
      ...[cast.user, ...operators].map(({ secret }) => toHex(secret).slice(2)),
      ...operators.map(({ ecdsaSigning }) => toHex(ecdsaSigning.secret).slice(2)),
      ...operators.flatMap(({ bn254Secret }) => [
        toHex(word(bn254Secret)).slice(2),
        bn254Secret.toString(16),
        bn254Secret.toString(),
      ]),
    ];
    const passwords = ['aggregator', ...EXECUTORS].map((name) => {
      const config = fs.readFileSync(path.join(folder, `${name}.yaml`), 'utf8');
      return /password: (\S+)/.exec(config)?.[1] ?? '';
    });
    expect(passwords).toEqual(passwords.map(() => expect.stringMatching(/.+/)));

    for (const name of ['aggregator', ...EXECUTORS]) {
      const log = fs.readFileSync(path.join(folder, `${name}.log`), 'utf8').toLowerCase();
      expect(log).toContain(' debug ');
      for (const secret of [...secrets, ...passwords]) expect(log.includes(secret.toLowerCase())).toBe(false);
    }
  });

  test('behavior: nodes end with 0, `devnet down` stops the chains and removes the folder', async () => {
    const { chains, executors, aggregator } = network.devnet;
    const config = fs.readFileSync(aggregator.config, 'utf8');
    const management = /managementServerGrpcPort: (\d+)/.exec(config)?.[1];
    const endpoints = [
      ...chains.map(({ url }) => url.replace('http://', '')),
      ...executors.map(({ socket }) => socket),
      `127.0.0.1:${management}`,
    ];
    for (const endpoint of endpoints)
      expect([endpoint, await isListening(endpoint)]).toEqual([endpoint, true]);
    expect(await network.close()).toEqual([0, 0, 0, 0, 0]);

    const down = await workplace.succeed('devnet', 'down', '--dir', folder, '--purge');
    expect(down.trim()).toBe('stopped L1 and L2');
    expect(fs.existsSync(folder) ? fs.readdirSync(folder) : []).toEqual([]);
    expect(fs.existsSync(folder)).toBe(false);
    await expectSilence(endpoints);
  }, 60_000);
});

/** As the example performer computes it. */
function squareOf(payload: string): string {
  const square = (BigInt(payload) ** 2n).toString(16);
  return `0x${square.length % 2 === 0 ? '' : '0'}${square}`;
}
