/** `ponos storage` on the directories of stopped nodes: real databases, with thousands of records. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { chown, cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chainId, parseAddress, parseHash32, parseTaskId } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { backupStore } from '../../src/operations/storage/backup.js';
import { showChains } from '../../src/operations/storage/chains.js';
import { compactStore } from '../../src/operations/storage/compact.js';
import { exportStore } from '../../src/operations/storage/export.js';
import { importStore } from '../../src/operations/storage/import.js';
import { showPerformers } from '../../src/operations/storage/performers.js';
import { repairStore } from '../../src/operations/storage/repair.js';
import { restoreStore } from '../../src/operations/storage/restore.js';
import { forgetChain, rewindChain } from '../../src/operations/storage/rewind-chain.js';
import { showStats } from '../../src/operations/storage/show-stats.js';
import { listTasks, showTask } from '../../src/operations/storage/tasks.js';
import { showProblems } from '../../src/operations/storage/verify.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createPerformerOrderStore } from '../../src/store/executor-performer-orders.js';
import { createPerformerStore } from '../../src/store/executor-performers.js';
import { createExecutorStore } from '../../src/store/executor-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { openStore } from '../../src/store/open-store.js';
import { schemaOperation } from '../../src/store/store-schema.js';
import { smallDisk, whyNoSmallDisks } from '../support/small-disk.js';
import {
  collectingTerminal,
  makeAggregatorStore,
  makeExecutorStore,
  makeStore,
  recordsOf,
  STORE_OPERATOR,
  taskIdOf,
} from '../support/storage-stage.js';
import { FIXTURE_DEPLOYMENTS, fixtureAnswer, fixtureAnswerKey } from '../support/store-fixtures.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

const TASKS = 3_000;
const ANSWERS = 2_000;
/** With the outputs, three deployments, one performer and the schema. */
const EXECUTOR_RECORDS = 2 * ANSWERS + 5;

const asRoot = process.getuid?.() === 0 ? test : test.skip;
const onSmallDisks = whyNoSmallDisks() === undefined ? test : test.skip;

let folder: TemporaryFolder;
let aggregator: string;
let executor: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  aggregator = path.join(folder.path, 'aggregator');
  executor = path.join(folder.path, 'executor');
  await makeAggregatorStore(aggregator, TASKS);
  await makeExecutorStore(executor, ANSWERS);
}, 60_000);
afterAll(() => folder.remove());

let names = 0;
const place = (what: string) => path.join(folder.path, `${what}-${names++}`);

/** Runs an operation and gives what it printed. */
async function output<Flags>(
  operation: (flags: Flags, terminal: ReturnType<typeof collectingTerminal>) => Promise<void>,
  flags: Flags,
): Promise<string> {
  const terminal = collectingTerminal();
  await operation(flags, terminal);
  return terminal.stdout();
}

const stores = () => [
  { role: 'aggregator', dir: aggregator },
  { role: 'executor', dir: executor },
];

describe('backup and restore', () => {
  test('default: everything comes back, and the copy is sound', async () => {
    for (const { role, dir } of stores()) {
      const [file, restored] = [place('backup'), place('restored')];
      const before = await recordsOf(dir);
      const made = JSON.parse(await output(backupStore, { dir, output: file, json: true }));
      expect(made).toEqual({ file, role, records: before.length, bytes: (await stat(file)).size });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(JSON.parse(await output(restoreStore, { file, dir: restored, json: true }))).toMatchObject({
        role,
        records: before.length,
      });
      expect(await recordsOf(restored)).toEqual(before);
      expect(await output(showProblems, { dir: restored })).toContain('all of them sound');
    }
  });

  test('behavior: a backup comes through a pipe, which can be read only once', async () => {
    const [file, pipe, dir] = [place('backup'), place('pipe'), place('restored')];
    await output(backupStore, { dir: executor, output: file });
    execFileSync('mkfifo', [pipe]);
    const [written] = await Promise.all([
      pipeline(createReadStream(file), createWriteStream(pipe)).then(() => true),
      output(restoreStore, { file: pipe, dir }),
    ]);
    expect(written).toBe(true);
    expect(await recordsOf(dir)).toEqual(await recordsOf(executor));
  });

  test('behavior: the directory that is backed up stays as it is', async () => {
    const before = await contentOf(aggregator);
    await output(backupStore, { dir: aggregator, output: place('backup') });
    expect(await contentOf(aggregator)).toEqual(before);
  });

  test('behavior: progress is shown when it is asked for', async () => {
    const terminal = collectingTerminal();
    await backupStore({ dir: executor, output: place('backup'), progress: true }, terminal);
    expect(terminal.shown()).toMatch(/^backup: 4,005 records, [\d.]+ MiB\n$/);
  });

  test('error: a backup over an existing file only with --force', async () => {
    const file = place('backup');
    await writeFile(file, 'older');
    const backup = { dir: executor, output: file };
    await expect(output(backupStore, backup)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await readFile(file, 'utf8')).toBe('older');
    await output(backupStore, { ...backup, force: true });
    expect((await readFile(file)).subarray(0, 8).toString()).toBe('PONOSBAK');
  });

  test('error: a damaged archive makes nothing', async () => {
    const [file, dir] = [place('backup'), place('restored')];
    await output(backupStore, { dir: executor, output: file });
    const bytes = await readFile(file);
    for (const at of [20, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      await writeFile(file, flipped);
      await expect(output(restoreStore, { file, dir })).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
      expect(await readdir(folder.path)).not.toContain(path.basename(dir));
    }
  });

  test('error: a restore never overwrites, nor makes another role’s store', async () => {
    const file = place('backup');
    await output(backupStore, { dir: executor, output: file });
    const before = await contentOf(aggregator);
    await expect(output(restoreStore, { file, dir: aggregator })).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    });
    expect(await contentOf(aggregator)).toEqual(before);
    const dir = place('restored');
    const other = output(restoreStore, { file, dir, role: 'aggregator' });
    await expect(other).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('error: a damaged store is not backed up', async () => {
    const dir = place('damaged');
    await makeDamagedStore(dir);
    const [file, before] = [place('backup'), await contentOf(dir)];
    await expect(output(backupStore, { dir, output: file })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await contentOf(dir)).toEqual(before);
  });
});

describe('export and import', () => {
  test('default: export, import, export gives the same bytes, and the same records', async () => {
    for (const { dir } of stores()) {
      const [file, imported] = [place('export'), place('imported')];
      await output(exportStore, { dir, output: file });
      await output(importStore, { file, dir: imported });
      expect(await output(exportStore, { dir: imported, output: '-' })).toBe(await readFile(file, 'utf8'));
      expect(await recordsOf(imported)).toEqual(await recordsOf(dir));
      expect(await output(showProblems, { dir: imported })).toContain('all of them sound');
    }
  });

  test('error: what is cut off makes nothing', async () => {
    const [file, dir] = [place('export'), place('imported')];
    await output(exportStore, { dir: executor, output: file });
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.slice(0, -5).join('\n'));
    await expect(output(importStore, { file, dir })).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('error: a missing file, a full directory', async () => {
    const file = place('missing');
    await expect(output(importStore, { file, dir: place('imported') })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
    await expect(output(importStore, { file, dir: executor })).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  });
});

describe('slashing protection', () => {
  test('default: another executor takes up what this one has signed', async () => {
    const [file, dir] = [place('signed'), place('other')];
    await output(exportStore, { dir: executor, output: file, slashingProtection: true });
    const flags = { file, dir, slashingProtection: true, json: true };
    expect(JSON.parse(await output(importStore, flags))).toEqual({ dir, added: ANSWERS, known: 0 });
    expect(JSON.parse(await output(importStore, flags))).toEqual({ dir, added: 0, known: ANSWERS });
    expect(await output(exportStore, { dir, output: '-', slashingProtection: true })).toBe(
      await readFile(file, 'utf8'),
    );
    const store = await openLevelStore({ dir, syncWrites: true });
    try {
      const saved = createExecutorStore(store).saveAnswer(fixtureAnswerKey(7), {
        ...fixtureAnswer(7),
        output: new TextEncoder().encode('another output'),
      });
      await expect(saved).rejects.toMatchObject({ code: 'REQUEST_CONFLICT' });
    } finally {
      await store.close();
    }
  });

  test('error: a contradiction is refused, and nothing is written', async () => {
    const [file, dir] = [place('signed'), place('other')];
    await output(exportStore, { dir: executor, output: file, slashingProtection: true });
    await makeStore(dir, 'executor', async (store) => {
      const contradicting = { ...fixtureAnswer(9), output: Buffer.from('signed elsewhere') };
      await createExecutorStore(store).saveAnswer(fixtureAnswerKey(9), contradicting);
    });
    const before = await recordsOf(dir);
    await expect(output(importStore, { file, dir, slashingProtection: true })).rejects.toMatchObject({
      code: 'REQUEST_CONFLICT',
      facts: { taskId: taskIdOf(9) },
    });
    expect(await recordsOf(dir)).toEqual(before);
  });

  test('error: what another operator has signed is refused, and nothing is written', async () => {
    const [file, dir] = [place('signed'), place('other')];
    await output(exportStore, { dir: executor, output: file, slashingProtection: true });
    const another = parseAddress(`0x${'0f'.repeat(20)}`);
    await makeStore(dir, 'executor', async () => undefined, another);
    const before = await recordsOf(dir);
    await expect(output(importStore, { file, dir, slashingProtection: true })).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      message: expect.stringMatching(new RegExp(`${STORE_OPERATOR}.*${another}`)),
    });
    expect(await recordsOf(dir)).toEqual(before);
  });

  test('behavior: a store that was made from an export, or from what was signed, is that operator’s', async () => {
    const [file, signed] = [place('export'), place('signed')];
    await output(exportStore, { dir: executor, output: file });
    await output(exportStore, { dir: executor, output: signed, slashingProtection: true });
    for (const flags of [{ file }, { file: signed, slashingProtection: true }]) {
      const dir = place('made');
      await output(importStore, { ...flags, dir });
      const opened = openStore({ type: 'level', badger: { inMemory: false }, level: { dir } }, 'executor', {
        operator: parseAddress(`0x${'0f'.repeat(20)}`),
      });
      await expect(opened).rejects.toMatchObject({
        code: 'STORE_MISMATCH',
        message: expect.stringContaining(STORE_OPERATOR),
      });
    }
  });

  test('error: an aggregator has none', async () => {
    const flags = { dir: aggregator, output: '-', slashingProtection: true };
    await expect(output(exportStore, flags)).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    const file = place('signed');
    await output(exportStore, { dir: executor, output: file, slashingProtection: true });
    const imported = output(importStore, { file, dir: aggregator, slashingProtection: true });
    await expect(imported).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });
});

describe('stats', () => {
  test('default: an aggregator’s', async () => {
    const stats = JSON.parse(await output(showStats, { dir: aggregator, json: true }));
    expect(stats).toMatchObject({
      role: 'aggregator',
      schemaVersion: 1,
      chains: [{ chainId: 17_000, lastBlock: 2_501 }],
      tasks: { pending: TASKS - 2, completed: 1, failed: 1 },
      oldestMs: 1_700_000_001_500,
      newestMs: 1_700_000_000_500 + TASKS * 1_000,
      damaged: 0,
    });
    expect(stats.namespaces).toContainEqual({
      namespace: 'task',
      records: TASKS,
      bytes: expect.any(Number),
    });
    expect(stats.files).toEqual({ dir: aggregator, files: expect.any(Number), bytes: expect.any(Number) });
    expect(stats.files.bytes).toBeGreaterThan(100_000);
  });

  test('default: an executor’s, for people', async () => {
    const terminal = collectingTerminal();
    await showStats({ dir: executor }, terminal);
    expect(terminal.shown()).toBe('');
    const text = terminal.stdout();
    expect(text).toMatch(/^store {3}of an executor, schema 1$/m);
    expect(text).toMatch(/^answer {6}2000 {5}[\d.]+ KiB$/m);
    expect(text).toMatch(/^oldest {2}2023-11-14T22:13:20.001Z$/m);
  });
});

test('error: what is shown of a damaged store may not be all, and says so', async () => {
  const [executors, aggregators] = [place('damaged'), place('damaged')];
  await makeDamagedStore(executors);
  await makeAggregatorStore(aggregators, 40);
  await halveLog(aggregators);
  const shown = async (show: (terminal: ReturnType<typeof collectingTerminal>) => Promise<void>) => {
    const terminal = collectingTerminal();
    await show(terminal);
    return terminal.shown();
  };
  const taskId = taskIdOf(1);
  for (const show of [
    (terminal) => showStats({ dir: executors, json: true }, terminal),
    (terminal) => showPerformers({ dir: executors }, terminal),
    (terminal) => listTasks({ dir: aggregators }, terminal),
    (terminal) =>
      expect(showTask({ dir: aggregators, taskId }, terminal)).rejects.toMatchObject({
        code: 'TASK_UNKNOWN',
      }),
    (terminal) => showChains({ dir: aggregators }, terminal),
  ] satisfies Parameters<typeof shown>[0][]) {
    expect(await shown(show)).toMatch(
      /^ponos: the store is damaged, and what is shown may not be all: lost-tail/,
    );
  }
});

describe('tasks', () => {
  test('default: all, the newest first, one JSON object a line', async () => {
    const tasks = (await output(listTasks, { dir: aggregator, json: true })).trim().split('\n');
    expect(tasks).toHaveLength(TASKS);
    expect(JSON.parse(tasks[0] ?? '')).toMatchObject({ taskId: taskIdOf(TASKS), status: 'pending' });
  });

  test('behavior: by status, chain and number', async () => {
    const ids = async (flags: object) => {
      const text = await output(listTasks, { dir: aggregator, json: true, ...flags });
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).taskId]));
    };
    expect(await ids({ status: 'failed' })).toEqual([taskIdOf(2)]);
    expect(await ids({ chain: 17_000, limit: 2 })).toEqual([taskIdOf(TASKS), taskIdOf(TASKS - 1)]);
    expect(await ids({ chain: 1 })).toEqual([]);
    expect(await output(listTasks, { dir: aggregator, chain: 1 })).toBe('no such tasks\n');
    expect(await output(listTasks, { dir: aggregator, status: 'failed' })).toMatch(
      /failed .* too few answers\n$/,
    );
  });

  test('default: one task with its payload and answers', async () => {
    const task = JSON.parse(await output(showTask, { dir: aggregator, taskId: taskIdOf(1), json: true }));
    expect(task).toMatchObject({
      taskId: taskIdOf(1),
      status: 'completed',
      payload: `0x${Buffer.from('payload of task 1').toString('hex')}`,
      answers: [{ output: `0x${Buffer.from('output').toString('hex')}` }, {}],
    });
    const text = await output(showTask, { dir: aggregator, taskId: taskIdOf(1) });
    expect(text).toMatch(/^status +completed$/m);
    expect(text).toMatch(/^deadlineSeconds +2023-11-14T22:23:21.000Z$/m);
  });

  test('behavior: of an answer whose output has left, what it signed', async () => {
    const dir = place('swept');
    await makeAggregatorStore(dir, 2);
    const opened = await openLevelStore({ dir, syncWrites: false });
    const store = createAggregatorStore(opened);
    const key = { chainId: chainId(17_000), taskId: parseTaskId(taskIdOf(1)) };
    await store.reopen({ tasks: [key], nowMs: 1 });
    const certifiedOutput = parseHash32(toHex(keccak256(Buffer.from('another'))));
    const reason = 'an executor said \u001b[2J';
    await store.updateTask(key, { status: 'completed', certifiedOutput, reason, updatedAtMs: 2 });
    for await (const _ of store.sweepOutputs({ endedFromMs: 0, mayLeave: () => true }));
    await opened.close();
    const task = JSON.parse(await output(showTask, { dir, taskId: taskIdOf(1), json: true }));
    const outputHash = toHex(keccak256(Buffer.from('output')));
    expect(task.answers).toMatchObject([{ outputHash }, { outputHash }]);
    expect(task.answers[0]).not.toHaveProperty('output');
    const text = await output(showTask, { dir, taskId: taskIdOf(1) });
    expect(text).toContain(`left the store; keccak-256 ${outputHash}`);
    // Reasons quote executors, and the terminal obeys none of them.
    expect(text).toContain('an executor said \\x1b[2J');
    expect(await output(listTasks, { dir })).toContain('an executor said \\x1b[2J');
  });

  test('behavior: an id that two chains have is shown for both', async () => {
    const dir = place('two-chains');
    await makeAggregatorStore(dir, 2);
    await makeAggregatorStore(dir, 2, chainId(8_453));
    const lines = (await output(showTask, { dir, taskId: taskIdOf(2), json: true })).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).chainId)).toEqual([8_453, 17_000]);
  });

  test('error: an unknown task, an executor’s store', async () => {
    await expect(output(showTask, { dir: aggregator, taskId: taskIdOf(99_999) })).rejects.toMatchObject({
      code: 'TASK_UNKNOWN',
    });
    await expect(output(listTasks, { dir: executor })).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });
});

describe('performers', () => {
  test('default: those that ran, and the deployments, the newest first', async () => {
    const [failed, removed, serving] = FIXTURE_DEPLOYMENTS;
    const { performers, deployments } = JSON.parse(
      await output(showPerformers, { dir: executor, json: true }),
    );
    expect(performers).toEqual([serving?.performer]);
    expect(deployments).toEqual([serving?.deployment, removed?.deployment, failed?.deployment]);

    const text = await output(showPerformers, { dir: executor });
    const line = (part: string) => text.split('\n').find((each) => each.includes(part)) ?? '';
    expect(line('127.0.0.1:32768')).toMatch(/avs-performer-0a1b2c-3 +InService +yes +2023-/);
    expect(line('exited with code 4')).toContain('; it said last: cannot start: no licence');
    expect(line('the node stopped')).toMatch(/\/opt\/my-avs\/performer --verbose .*removed/);
    expect(line('the node stopped')).not.toContain('listening');
  });

  test('behavior: a node without any', async () => {
    const dir = place('new');
    await makeStore(dir, 'executor', async () => undefined);
    expect(await output(showPerformers, { dir })).toBe(
      'no performers: none ran when the node stopped\n\nno deployments\n',
    );
  });

  test('behavior: what was said while the node ran, and what was adopted', async () => {
    const dir = place('managed');
    const [, , serving] = FIXTURE_DEPLOYMENTS;
    if (serving === undefined) throw new Error('the fixture has no deployment in service');
    const { avs } = serving.deployment;
    const order = {
      avs,
      atMs: 1_700_000_000_000,
      wanted: {
        image: { repository: 'my-avs', tag: 'v9' },
        envs: [{ name: 'KEY' }, { name: 'LEVEL', valueFromEnv: 'OUR_LEVEL' }],
      },
    };
    await makeStore(dir, 'executor', async (store) => {
      const deployment = { ...serving.deployment, adoptedAtMs: 1_700_000_000_000 };
      await createPerformerStore(store).save([{ ...serving, deployment }]);
      await createPerformerOrderStore(store).save(order);
    });
    const text = await output(showPerformers, { dir });
    expect(text).toMatch(/in-service +adopted 2023-11-14T22:13:20/);
    expect(text).toMatch(/my-avs:v9 +KEY \(value not kept\), LEVEL from OUR_LEVEL/);
    expect(JSON.parse(await output(showPerformers, { dir, json: true })).orders).toEqual([order]);
  });

  test('behavior: what a performer printed is no command to the terminal', async () => {
    const dir = place('rude');
    const [failed] = FIXTURE_DEPLOYMENTS;
    if (failed === undefined) throw new Error('the fixture has no deployment');
    const lastLines = ['\u001b[2J\u0007gone'];
    await makeStore(dir, 'executor', (store) =>
      createPerformerStore(store).save([{ ...failed, deployment: { ...failed.deployment, lastLines } }]),
    );
    expect(await output(showPerformers, { dir })).toContain('it said last: \\x1b[2J\\x07gone');
  });

  test('error: an aggregator has none', async () => {
    const asked = output(showPerformers, { dir: aggregator });
    await expect(asked).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });
});

describe('compact', () => {
  test('default: what was deleted gives its room back, the rest stays', async () => {
    const dir = place('to-compact');
    await cp(executor, dir, { recursive: true });
    const kept = await makeRoom(dir);
    const { bytesBefore, bytesAfter } = JSON.parse(await output(compactStore, { dir, json: true }));
    expect(bytesAfter).toBeLessThan(bytesBefore / 2);
    expect(await recordsOf(dir)).toEqual(kept);
    expect(await output(showProblems, { dir })).toContain('all of them sound');
  });

  test('error: a damaged store is left alone', async () => {
    const dir = place('damaged');
    await makeDamagedStore(dir);
    const before = await contentOf(dir);
    await expect(output(compactStore, { dir })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await contentOf(dir)).toEqual(before);
  });
});

describe('verify and repair', () => {
  test('default: a sound store', async () => {
    expect(await output(showProblems, { dir: executor })).toBe(
      `${executor}: ${EXECUTOR_RECORDS} records of an executor, all of them sound\n`,
    );
    expect(await output(repairStore, { dir: executor })).toBe(
      `${executor}: nothing is wrong, nothing was changed\n`,
    );
  });

  test('error: a damaged one is told of, and usable after a repair', async () => {
    const dir = place('damaged');
    await makeDamagedStore(dir);
    const terminal = collectingTerminal();
    await expect(showProblems({ dir, json: true }, terminal)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
    });
    const { problems } = JSON.parse(terminal.stdout());
    expect(problems[0]).toMatchObject({ kind: expect.any(String), consequence: expect.any(String) });
    await expect(output(showProblems, { dir })).rejects.toMatchObject({
      facts: { problems: problems.length },
    });
    expect(await output(repairStore, { dir, role: 'executor' })).toContain('usable again');
    expect(await output(showProblems, { dir })).toContain('all of them sound');
  });
});

describe('error: whatever is named', () => {
  test('a store in use names the process, and the way to a running node', async () => {
    const store = await openLevelStore({ dir: executor, syncWrites: true });
    try {
      for (const operation of [showStats, showProblems, compactStore, repairStore]) {
        await expect(output(operation, { dir: executor })).rejects.toMatchObject({
          code: 'STORE_LOCKED',
          facts: { pid: process.pid },
          advice: expect.stringContaining('--node'),
        });
      }
    } finally {
      await store.close();
    }
  });

  test('a store in use in another container, where pids say nothing, is neither read nor changed', async () => {
    const dir = place('other-container');
    await cp(executor, dir, { recursive: true });
    // It has LevelDB's lock, and ours names nobody who is known here.
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { ClassicLevel } from 'classic-level';
       await new ClassicLevel(${JSON.stringify(dir)}).open();
       process.stdout.write('open');
       setInterval(() => undefined, 1000);`,
    ]);
    try {
      await once(holder.stdout, 'data');
      const before = await readdir(dir);
      for (const operation of [showStats, showProblems, compactStore, repairStore]) {
        await expect(output(operation, { dir })).rejects.toMatchObject({
          code: 'STORE_LOCKED',
          advice: expect.stringContaining('Stop that'),
        });
      }
      expect(await readdir(dir)).toEqual(before);
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    expect(await output(showProblems, { dir })).toContain('all of them sound');
  });

  test('no directory, and one of something else', async () => {
    const [missing, other] = [place('missing'), place('other')];
    await mkdir(path.join(other, 'level'), { recursive: true });
    for (const operation of [showStats, showProblems, compactStore, repairStore]) {
      await expect(output(operation, { dir: missing })).rejects.toMatchObject({ code: 'STORE_MISSING' });
      await expect(output(operation, { dir: other })).rejects.toMatchObject({
        code: 'STORE_MISSING',
        advice: `Try ${path.join(other, 'level')}.`,
      });
    }
    await expect(stat(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(other)).toEqual(['level']);
  });

  test('a table that is missing', async () => {
    const dir = place('missing-table');
    await cp(executor, dir, { recursive: true });
    for (const name of await readdir(dir)) if (name.endsWith('.ldb')) await rm(path.join(dir, name));
    await expect(output(showStats, { dir })).rejects.toMatchObject({ code: 'STORE_CORRUPT', facts: { dir } });
    await expect(output(showProblems, { dir })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('a database that is not ours', async () => {
    const dir = place('unclaimed');
    const store = await openLevelStore({ dir, syncWrites: false });
    await store.close();
    await expect(output(showStats, { dir })).rejects.toMatchObject({ code: 'STORE_MISSING' });
  });

  test('another role, a newer version', async () => {
    await expect(output(showStats, { dir: executor, role: 'aggregator' })).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
    });
    const dir = place('newer');
    await makeStore(dir, 'executor', (store) =>
      store.batch([schemaOperation({ version: 99, role: 'executor' })]),
    );
    for (const operation of [showStats, showProblems, compactStore, repairStore]) {
      await expect(output(operation, { dir })).rejects.toMatchObject({
        code: 'STORE_MISMATCH',
        facts: { storeVersion: 99 },
      });
    }
  });

  onSmallDisks('a disk without room for it, which is no damage: a copy on another one is read', async () => {
    const disk = smallDisk(place('disk'), 32);
    try {
      const dir = path.join(disk.folder, 'store');
      // Its records are in its log still: others have been opened by other commands since, which need less room.
      await makeExecutorStore(dir, ANSWERS);
      const refused = () => output(exportStore, { dir, output: '-', slashingProtection: true });
      const advised = {
        code: 'STORE_UNAVAILABLE',
        advice: expect.stringContaining('copy the directory of the stopped node to another disk'),
      };
      // Not even for the lock; for that, but not for the copy; for both, but not for opening it.
      for (const kilobytes of [0, 8, 64]) {
        disk.empty();
        disk.fill(kilobytes * 1024);
        await expect(refused()).rejects.toMatchObject(advised);
      }
      await expect(output(showProblems, { dir })).rejects.toMatchObject(advised);
      disk.remount('ro');
      await expect(refused()).rejects.toMatchObject(advised);
      const copy = place('copied');
      await cp(dir, copy, { recursive: true });
      const signed = await output(exportStore, { dir: copy, output: '-', slashingProtection: true });
      expect(JSON.parse(signed).answered).toHaveLength(ANSWERS);
    } finally {
      disk.remove();
    }
  });

  asRoot('root, where the store is another user’s, whose node could not open what root makes', async () => {
    const [aggregators, executors] = [place('owned'), place('owned')];
    await cp(aggregator, aggregators, { recursive: true });
    await cp(executor, executors, { recursive: true });
    const signed = place('signed');
    await output(exportStore, { dir: executors, output: signed, slashingProtection: true });
    for (const dir of [aggregators, executors]) await chown(dir, 4711, 4711);
    const chain = { dir: aggregators, chain: 17_000 };
    const writing = [
      () => output(compactStore, { dir: executors }),
      () => output(repairStore, { dir: executors }),
      () => output(importStore, { dir: executors, file: signed, slashingProtection: true }),
      () => output(rewindChain, { ...chain, to: 1 }),
      () => output(forgetChain, chain),
    ];
    for (const write of writing) {
      await expect(write()).rejects.toMatchObject({
        code: 'USAGE',
        facts: { owner: 4711 },
        advice: expect.stringContaining("sudo -u '#4711'"),
      });
    }
    expect(await output(showProblems, { dir: executors })).toContain('all of them sound');
  });

  test('nothing, or too much', async () => {
    for (const flags of [{}, { dir: executor, config: 'x.yaml' }, { dir: executor, node: '127.0.0.1:1' }]) {
      await expect(output(showStats, flags)).rejects.toMatchObject({ code: 'USAGE' });
    }
    await expect(output(showStats, { node: 'nowhere' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a node that does not answer', async () => {
    const [file, node] = [place('backup'), '127.0.0.1:1'];
    await expect(output(showStats, { node })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      facts: { node },
    });
    await expect(output(backupStore, { node, output: file })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
    });
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** Database files by name. */
async function contentOf(dir: string): Promise<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const name of (await readdir(dir)).sort()) {
    if (/^(\d+\.(ldb|log)|MANIFEST.*|CURRENT|ponos\.sequence)$/.test(name)) {
      entries.push([name, (await readFile(path.join(dir, name))).toString('base64')]);
    }
  }
  return Object.fromEntries(entries);
}

/** An executor's whose log has lost its second half. */
async function makeDamagedStore(dir: string): Promise<void> {
  await makeStore(dir, 'executor', async (store) => {
    const executorStore = createExecutorStore(store);
    for (let n = 1; n <= 40; n++) await executorStore.saveAnswer(fixtureAnswerKey(n), fixtureAnswer(n));
  });
  await halveLog(dir);
}

async function halveLog(dir: string): Promise<void> {
  const [log] = (await readdir(dir)).filter((name) => name.endsWith('.log'));
  if (log === undefined) throw new Error(`no log in ${dir}`);
  const { size } = await stat(path.join(dir, log));
  await truncate(path.join(dir, log), Math.floor(size / 2));
}

/** Deletes most of the outputs. @returns the records that are left */
async function makeRoom(dir: string) {
  const store = await openLevelStore({ dir, syncWrites: false });
  const executorStore = createExecutorStore(store);
  await executorStore.sweep({ after: undefined, limit: ANSWERS, judge: () => 'everything' });
  await store.close();
  return recordsOf(dir);
}
