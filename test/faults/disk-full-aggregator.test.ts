/**
 * An aggregator whose disk is full while tasks are under way: it takes none and says so, and when there is space again
 * it goes on by itself, with every task verified once.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createChannel, createClient } from 'nice-grpc';
import { parse } from 'yaml';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../../src/rpc/generated/grpc/health/v1/health.js';
import {
  BN254_SET,
  type E2eNetwork,
  ECDSA_SET,
  openNetwork,
  type WantedTask,
} from '../support/e2e-network.js';
import { type SmallDisk, smallDisk, whyNoSmallDisks } from '../support/small-disk.js';
import { LONG_MS, until } from '../support/until.js';
import { openWorkplace, type Workplace } from '../support/workplace.js';

const onSmallDisks = whyNoSmallDisks() === undefined ? describe : describe.skip;
const DISK_MEGABYTES = 24;
const EXECUTORS = ['executor-1', 'executor-2'];
const TASKS: readonly WantedTask[] = (['L1', 'L2'] as const).flatMap((chain) =>
  [BN254_SET, ECDSA_SET].map((operatorSetId) => ({ chain, operatorSetId, payload: '0x07' })),
);

/** The node writes at the same time: it may take a page that was to be taken. */
function fillUp(disk: SmallDisk): void {
  try {
    disk.fill(0);
  } catch (error) {
    if (!String(error).includes('No space left')) throw error;
  }
}

onSmallDisks('an aggregator', () => {
  let workplace: Workplace;
  let network: E2eNetwork;
  let disk: SmallDisk;
  let isServing: () => Promise<boolean>;
  let disconnect: () => void;

  beforeAll(async () => {
    workplace = openWorkplace();
    const folder = path.join(workplace.folder, 'net');
    const ports = ['l1', 'l2', 'executor', 'management'].flatMap((name) => [`--${name}-port`, '0']);
    await workplace.succeed('devnet', 'up', '--dir', folder, '--executors', '2', ...ports);
    network = await openNetwork(workplace, folder, 2);
    const config = parse(fs.readFileSync(network.devnet.aggregator.config, 'utf8'));
    disk = smallDisk(config.storage.level.dir, DISK_MEGABYTES);
    const channel = createChannel(`127.0.0.1:${config.managementServerGrpcPort}`);
    disconnect = () => channel.close();
    isServing = async () => {
      const { status } = await createClient(HealthDefinition, channel).check({ service: '' });
      return status === HealthCheckResponse_ServingStatus.SERVING;
    };
    await network.start(['aggregator', ...EXECUTORS]);
  }, 90_000);
  afterAll(async () => {
    disconnect?.();
    await network?.close();
    await workplace?.run('devnet', 'down', '--dir', path.join(workplace.folder, 'net'));
    disk?.remove();
    await workplace?.close();
  }, 60_000);

  const log = (...texts: string[]) => network.lines('aggregator', ...texts);
  /** Whether it serves now, on a disk that is as full as it can be: the database may have thrown old files away. */
  const servesWithoutSpace = () => {
    fillUp(disk);
    return isServing();
  };

  test('behavior: a disk that fills up, under load: no work, nothing lost, and it recovers by itself', async () => {
    const before = await network.create(TASKS);
    for (const task of before) expect(await network.end(task)).toMatchObject({ status: 'verified' });

    fillUp(disk);
    const meanwhile = await network.create([...TASKS, ...TASKS]);
    const chains = network.devnet.chains.map(({ chainId }) => `chainId=${chainId}`);
    const saysWhy = (chain: string) =>
      log('the chain cannot be followed now', chain, 'the disk is full').length > 0;
    await until(
      'it does not serve, and says of both chains why',
      async () => !(await servesWithoutSpace()) && chains.every(saysWhy),
      LONG_MS,
    );
    const after = await network.create(TASKS);
    await until('it still does not serve', async () => !(await servesWithoutSpace()), LONG_MS);

    disk.empty();
    await until('it serves again', isServing, LONG_MS);
    for (const task of [...meanwhile, ...after]) {
      expect(await network.end(task)).toMatchObject({ status: 'verified', verifications: 1, result: '0x31' });
    }
    for (const chain of chains) {
      const news = log('the chain can', chain).map((line) => line.includes('cannot'));
      // Told when it begins and when it is over, not for each try between.
      expect(news).toEqual(news.map((_, index) => index % 2 === 0));
    }

    // What it said is what it has: nothing is worked on again after a restart. The chain knows it a little earlier.
    const tasks = [...before, ...meanwhile, ...after];
    for (const { created } of tasks) await network.logged('aggregator', 'task verified', created.taskId);
    await network.kill('aggregator');
    const verified = log('task verified').length;
    await network.start(['aggregator']);
    await until('it serves', isServing, LONG_MS);
    expect(log('unfinished tasks are taken up again')).toEqual([]);
    expect(log('task verified')).toHaveLength(verified);
  }, 150_000);
});
