/**
 * A disk that is full, and directories that cannot be written, under load: the node takes no work and says so, loses
 * nothing that it acknowledged, and recovers by itself.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  TaskResult,
  type TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { startDevnet, type TestDevnet } from '../support/devnet.js';
import { BN254_SET, type DevnetTasks, ECDSA_SET, openDevnetTasks } from '../support/devnet-tasks.js';
import { type ExecutorNode, launchExecutor, startExecutorNode } from '../support/executor-node.js';
import {
  fragileDisk,
  type SmallDisk,
  smallDisk,
  whyNoFragileDisks,
  whyNoSmallDisks,
} from '../support/small-disk.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const UNAVAILABLE = 14;
const MEGABYTE = 1024 * 1024;
const DISK_MEGABYTES = 32;
const TASKS = 40;
/** 40 of them are ten megabytes: more than LevelDB keeps in one log. */
const OUTPUT_BYTES = 250_000;
const NOBODY = 65_534;

const onSmallDisks = whyNoSmallDisks() === undefined ? describe : describe.skip;
const onFragileDisks = whyNoFragileDisks() === undefined ? test : test.skip;

onSmallDisks('an executor', () => {
  let devnet: TestDevnet;
  let tasks: DevnetTasks;
  let folder: TemporaryFolder;
  let disk: SmallDisk;
  let node: ExecutorNode | undefined;

  beforeAll(async () => {
    devnet = await startDevnet(1);
    tasks = await openDevnetTasks(devnet);
  }, 120_000);
  afterAll(async () => {
    await tasks?.close();
    await devnet?.close();
  }, 60_000);
  beforeEach(async () => {
    folder = await temporaryFolder();
    disk = smallDisk(path.join(folder.path, 'disk'), DISK_MEGABYTES);
  });
  afterEach(async () => {
    await node?.kill();
    node = undefined;
    disk.remove();
    await folder.remove();
  });

  const storeDir = () => path.join(disk.folder, 'store');
  const options = () => ({ devnet, folder: folder.path, dir: storeDir() });

  async function requestsFor(operator: ExecutorNode['operator']): Promise<TaskSubmission[]> {
    const created = await Promise.all(
      Array.from({ length: TASKS }, (_, index) =>
        tasks.create('L1', index % 2 === 0 ? BN254_SET : ECDSA_SET, `vary-size ${OUTPUT_BYTES}`),
      ),
    );
    return Promise.all(created.map((task) => tasks.submission(task, 'L1', operator)));
  }

  /** Submits eight at a time; resolves with what came as answers, by task, and the statuses of the refusals. */
  async function submitAll(to: ExecutorNode, requests: readonly TaskSubmission[]) {
    const answers = new Map<string, string>();
    const codes = new Set<unknown>();
    for (let index = 0; index < requests.length; index += 8) {
      const group = requests.slice(index, index + 8);
      for (const outcome of await Promise.allSettled(group.map((request) => to.submit(request)))) {
        if (outcome.status === 'fulfilled') answers.set(outcome.value.taskId, digestOf(outcome.value));
        else codes.add(outcome.reason.code);
      }
    }
    return { answers, codes: [...codes] };
  }

  async function expectSameAnswers(
    from: ExecutorNode,
    requests: readonly TaskSubmission[],
    before: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { answers, codes } = await submitAll(from, requests);
    expect(codes).toEqual([]);
    for (const [taskId, answer] of before) expect([taskId, answers.get(taskId)]).toEqual([taskId, answer]);
  }

  interface Trouble {
    readonly name: string;
    readonly says: string;
    readonly user?: number;
    readonly begin: () => void;
    readonly end: () => void;
  }

  const TROUBLES: readonly Trouble[] = [
    {
      name: 'a disk that fills up',
      says: 'the disk is full',
      begin: () => disk.fill(3 * MEGABYTE),
      end: () => disk.empty(),
    },
    {
      name: 'a directory that is taken away from it',
      says: 'permission is denied',
      user: NOBODY,
      begin: () => fs.chmodSync(storeDir(), 0),
      end: () => fs.chmodSync(storeDir(), 0o750),
    },
  ];

  test.each(TROUBLES)(
    'behavior: $name, under load: no work, nothing lost, and it recovers by itself',
    async ({ says, user, begin, end }) => {
      node = await startExecutorNode({ ...options(), user });
      const running = node;
      const requests = await requestsFor(running.operator);
      const early = await submitAll(running, requests.slice(0, 4));
      expect(early.codes).toEqual([]);

      begin();
      const { answers, codes } = await submitAll(running, requests);
      expect(codes).toEqual([UNAVAILABLE]);
      expect(await running.isServing()).toBe(false);
      expect(running.lines('the store failed; no work is taken until it works again')).toEqual([
        expect.stringContaining(says),
      ]);
      await expect(running.submit(requests[0] ?? fail())).rejects.toMatchObject({ code: UNAVAILABLE });
      expect(running.lines('the store works again')).toEqual([]);

      end();
      await until('it serves again', () => running.isServing(), LONG_MS);
      const acknowledged = new Map([...early.answers, ...answers]);
      await expectSameAnswers(running, requests, acknowledged);
      expect(running.lines('the store failed')).toHaveLength(1);

      const all = (await submitAll(running, requests)).answers;
      await running.kill();
      node = await startExecutorNode({ ...options(), user });
      await expectSameAnswers(node, requests, all);
    },
    180_000,
  );

  test('behavior: killed while the disk is full, and started when there is space again: nothing is lost', async () => {
    node = await startExecutorNode(options());
    const requests = await requestsFor(node.operator);
    disk.fill(3 * MEGABYTE);
    const { answers, codes } = await submitAll(node, requests);
    expect(codes).toEqual([UNAVAILABLE]);
    await node.kill();

    const full = await launchExecutor(options());
    const { code, stderr } = await full.running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the disk is full');

    disk.empty();
    node = await startExecutorNode(options());
    await expectSameAnswers(node, requests, answers);
  }, 180_000);

  onFragileDisks(
    'behavior: a file system that turns read-only under load: no work, and nothing lost after it was mended',
    async () => {
      const fragile = fragileDisk(path.join(folder.path, 'fragile'), DISK_MEGABYTES);
      try {
        const dir = path.join(fragile.folder, 'store');
        node = await startExecutorNode({ ...options(), dir });
        const requests = await requestsFor(node.operator);
        const before = await submitAll(node, requests.slice(0, 16));
        expect(before.codes).toEqual([]);
        fragile.breakIt();
        expect((await submitAll(node, requests.slice(16))).codes).toEqual([UNAVAILABLE]);
        expect(await node.isServing()).toBe(false);
        expect(node.lines('the store failed')).toEqual([expect.stringContaining('is read-only')]);
        await node.kill();
        fragile.mend();
        node = await startExecutorNode({ ...options(), dir });
        await expectSameAnswers(node, requests, before.answers);
        await node.kill();
      } finally {
        fragile.remove();
      }
    },
    180_000,
  );

  test('error: it does not start on a file system that is read-only, and says so', async () => {
    node = await startExecutorNode(options());
    expect(await node.stop()).toBe(0);
    disk.remount('ro');
    node = await launchExecutor(options());
    const { code, stderr } = await node.running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the file system is read-only');
    expect(stderr).toContain(storeDir());
    disk.remount('rw');
  }, 60_000);

  test('error: it does not start in a directory that it may not write, and says so', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-not-yours-'));
    node = await launchExecutor({ ...options(), dir, user: NOBODY });
    const { code, stderr } = await node.running.ended;
    expect(code).toBe(1);
    fs.rmSync(dir, { recursive: true });
    expect(stderr).toContain('permission is denied');
    expect(stderr).toContain(dir);
  }, 60_000);
});

/** Of every byte of an answer; comparing megabytes takes jest a minute. */
function digestOf(result: TaskResult): string {
  return createHash('sha256').update(TaskResult.encode(result).finish()).digest('hex');
}

function fail(): never {
  throw new Error('no tasks');
}
