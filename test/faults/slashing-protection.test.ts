/**
 * An operator never signs two outputs for one task: held by an executor as its users run it, with a performer that never
 * gives the same output twice, killed where it hurts.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { toHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { transportNow } from '../../src/devnet/devnet.js';
import type { TaskResult } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { createExecutorStore, type ExecutorStore } from '../../src/store/executor-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { startDevnet, type TestDevnet } from '../support/devnet.js';
import { BN254_SET, type DevnetTasks, ECDSA_SET, openDevnetTasks } from '../support/devnet-tasks.js';
import { type ExecutorNode, isStored, launchExecutor, startExecutorNode } from '../support/executor-node.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { LONG_MS, until } from '../support/until.js';

const FAILED_PRECONDITION = 9;

let devnet: TestDevnet;
let tasks: DevnetTasks;
let folder: TemporaryFolder;
/** One mark for each run of the performer. */
let runs: string;
let nodes: ExecutorNode[];

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
  runs = path.join(folder.path, 'runs');
  nodes = [];
});
afterEach(async () => {
  for (const node of nodes) await node.kill();
  await folder.remove();
});

const storeDir = () => path.join(folder.path, 'store');
const options = (config: object = {}) => ({ devnet, folder: folder.path, dir: storeDir(), config });

async function start(config?: object): Promise<ExecutorNode> {
  const node = await startExecutorNode(options(config));
  nodes.push(node);
  return node;
}

/** The runs of the performer so far. */
const runCount = () => (fs.existsSync(runs) ? fs.statSync(runs).size : 0);
/** Tasks that are held are answered from now on. */
const letGo = () => fs.writeFileSync(`${runs}.go`, '');

/** What a stopped executor has in its store. */
async function withStore<T>(use: (store: ExecutorStore) => Promise<T>): Promise<T> {
  const store = await openLevelStore({ dir: storeDir(), syncWrites: true });
  try {
    return await use(createExecutorStore(store));
  } finally {
    await store.close();
  }
}

const keyOf = ({ operatorSet, taskId }: TaskCreatedEvent) => ({
  avs: operatorSet.avs,
  operatorSetId: operatorSet.id,
  taskId,
});

describe('an executor whose performer answers differently every time', () => {
  test('behavior: 100 equal submissions at once: one run, one answer', async () => {
    const node = await start();
    const task = await tasks.create('L1', BN254_SET, `vary ${runs}`);
    const request = await tasks.submission(task, 'L1', node.operator);
    const answers = await Promise.all(Array.from({ length: 100 }, () => node.submit(request)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(runCount()).toBe(1);
  }, 60_000);

  test('behavior: killed after it stored an answer and before anybody had it, it gives what it stored', async () => {
    const first = await start();
    const task = await tasks.create('L2', ECDSA_SET, `vary-held ${runs}`);
    const request = await tasks.submission(task, 'L2', first.operator);
    const caller = new AbortController();
    const hungUp = expect(first.submit(request, caller.signal)).rejects.toThrow();
    await until('the task runs', () => runCount() === 1, LONG_MS);
    caller.abort();
    await hungUp;
    letGo();
    await first.running.logged('task answered');
    await first.kill();
    const stored = await withStore((store) => store.find(keyOf(task)));

    const second = await start();
    const [one, other] = [await second.submit(request), await second.submit(request)];
    expect(other).toEqual(one);
    expect(toHex(one.output)).toBe(stored?.output && toHex(stored.output));
    const signatures = stored?.signatures.get(task.referenceTimestamp);
    expect(toHex(one.resultSignature)).toBe(signatures && toHex(signatures.resultSignature));
    expect(toHex(one.authSignature)).toBe(signatures && toHex(signatures.authSignature));
    expect(runCount()).toBe(1);
    expect(second.lines('a task was under way')).toEqual([]);
  }, 60_000);

  test('behavior: killed when the task was done and before the answer was stored, nothing was signed; the task runs again', async () => {
    const first = await start();
    const task = await tasks.create('L1', ECDSA_SET, `vary-held ${runs}`);
    const request = await tasks.submission(task, 'L1', first.operator);
    const unanswered = expect(first.submit(request)).rejects.toThrow();
    await until('the task runs', () => runCount() === 1, LONG_MS);
    // Written beside the run, which it does not hold up.
    await until('it is noted as under way', () => isStored(storeDir(), RegExp(task.taskId)), LONG_MS);
    await first.kill();
    await unanswered;
    expect(runCount()).toBe(1);
    expect(first.lines('task answered')).toEqual([]);
    // Nothing leaves before it is stored, and nothing is.
    expect(await withStore((store) => store.find(keyOf(task)))).toBeUndefined();

    const second = await start();
    expect(second.lines('a task was under way when this node died')).toEqual([
      expect.stringContaining(task.taskId),
    ]);
    letGo();
    const answer = await second.submit(request);
    expect(runCount()).toBe(2);
    await second.kill();

    const third = await start();
    expect(third.lines('a task was under way')).toEqual([]);
    expect(await third.submit(request)).toEqual(answer);
    expect(runCount()).toBe(2);
  }, 90_000);

  test('behavior: killed again and again at any moment, all answers that ever left are the same', async () => {
    const DELAYS_MS = [0, 20, 60, 150, 400, 'until the first answer'] as const;
    const task = await tasks.create('L1', BN254_SET, `vary ${runs}`);
    const answers: TaskResult[] = [];
    let round = 0;
    for (const delayMs of DELAYS_MS) {
      const node = await start();
      // A task of its own in each round, so that there is something to kill in the later ones, too.
      const fresh = await tasks.create('L1', BN254_SET, `vary ${runs}-${round++}`);
      const requests = [
        await tasks.submission(task, 'L1', node.operator),
        await tasks.submission(fresh, 'L1', node.operator),
      ];
      const asked = requests.flatMap((request) => Array.from({ length: 10 }, () => node.submit(request)));
      const settled = Promise.allSettled(asked);
      await (delayMs === 'until the first answer' ? Promise.any(asked) : systemClock.sleep(delayMs));
      await node.kill();
      for (const outcome of await settled) if (outcome.status === 'fulfilled') answers.push(outcome.value);
      const stored = await withStore((store) => store.find(keyOf(fresh)));
      for (const { taskId, output } of answers.filter((answer) => answer.taskId === fresh.taskId))
        expect([taskId, toHex(output)]).toEqual([fresh.taskId, stored?.output && toHex(stored.output)]);
    }
    expect(answers).not.toEqual([]);
    const last = await start();
    const final = await last.submit(await tasks.submission(task, 'L1', last.operator));
    for (const answer of answers.filter(({ taskId }) => taskId === task.taskId))
      expect(answer).toEqual(final);
  }, 180_000);

  test('behavior: a task that is re-mined with another table gets the same output, signed anew', async () => {
    const first = await start();
    const l1 = devnet.state.chains[0];
    const rpc = (method: string, params: readonly unknown[]) => request(l1?.url ?? '', method, params);
    const snapshot = await rpc('evm_snapshot', []);
    const before = await tasks.create('L1', ECDSA_SET, `vary ${runs}`);
    const answer = await first.submit(await tasks.submission(before, 'L1', first.operator));
    await first.kill();

    await rpc('evm_revert', [snapshot]);
    const { default: artifacts } = await import('#devnet-contracts');
    await transportNow(devnet.folder, artifacts, systemClock);
    const again = await openDevnetTasks(devnet);
    try {
      const after = await again.create('L1', ECDSA_SET, `vary ${runs}`);
      expect(after.taskId).toBe(before.taskId);
      expect(after.referenceTimestamp).not.toBe(before.referenceTimestamp);
      const second = await start();
      const anew = await second.submit(await again.submission(after, 'L1', second.operator));
      expect(anew.output).toEqual(answer.output);
      expect(anew.resultSignature).not.toEqual(answer.resultSignature);
      expect(runCount()).toBe(1);
    } finally {
      await again.close();
    }
  }, 90_000);

  test('error: a task whose output has left is refused, not run again, and the refusal outlives a restart', async () => {
    const first = await start();
    const task = await tasks.create('L1', BN254_SET, `vary ${runs}`);
    const request = await tasks.submission(task, 'L1', first.operator);
    await first.submit(request);
    expect(await first.stop()).toBe(0);
    await withStore((store) => store.sweep({ after: undefined, limit: 10, judge: () => 'output' }));

    const second = await start();
    await expect(second.submit(request)).rejects.toMatchObject({
      code: FAILED_PRECONDITION,
      details: expect.stringContaining('its output is no longer kept'),
    });
    expect(runCount()).toBe(1);
  }, 60_000);

  test('error: a second node on the same store is refused, and names the first by its process id', async () => {
    const first = await start();
    const second = await launchExecutor({
      ...options(),
      folder: fs.mkdtempSync(path.join(folder.path, 'second-')),
    });
    const { code, stderr } = await second.running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('another process uses the storage directory');
    expect(stderr).toContain(String(first.running.pid));
  }, 60_000);
});

async function request(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
