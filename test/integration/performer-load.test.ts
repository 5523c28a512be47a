/** Hundreds of tasks through a real performer: never more at once than allowed, and nothing kept of those that are done. */
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import type { Admitted } from '../../src/executor/admit.js';
import { AvsSlots } from '../../src/executor/avs-slots.js';
import { type RunDependencies, runTask } from '../../src/executor/run.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import { createProcessRuntime } from '../../src/performer/process-runtime.js';
import { type Bundle, bundle } from '../support/performer-bundle.js';
import { AVS } from '../support/performer-contract.js';

const TASKS = 500;
const AT_ONCE = 8;
const OUTPUT_BYTES = 100_000;
const never = new AbortController().signal;

let program: Bundle;
let pool: PerformerPool;
let pid: number;
beforeAll(async () => {
  program = await bundle('test/support/performer-program.ts');
  pool = await startPerformerPool(
    {
      performers: [
        {
          spec: {
            avs: AVS,
            command: [process.execPath, program.path],
            env: new Map(),
            resources: { memoryBytes: 1e9, cpus: 1, pids: 100, readOnlyRootfs: false },
          },
          isEssential: true,
        },
      ],
      runtime: createProcessRuntime({ logger: silentLogger, clock: systemClock, processEnv: process.env }),
      maxOutputBytes: OUTPUT_BYTES,
      drainMs: 0,
      listener: () => undefined,
      clock: systemClock,
      logger: silentLogger,
    },
    never,
  );
  pid = Number(/process-(\d+)/.exec(pool.list()[0]?.id ?? '')?.[1]);
});
afterAll(async () => {
  await pool?.close(0);
  program?.remove();
});

/** A task that no mailbox in sight knows. */
function task(number: number, payload: string): Admitted {
  return {
    submission: {
      taskId: parseTaskId(`0x${number.toString(16).padStart(64, '0')}`),
      operatorSet: { avs: AVS, id: 1 },
      aggregator: AVS,
      payload: Buffer.from(payload),
      signature: Buffer.alloc(0),
      referenceTimestamp: 1,
      taskBlockNumber: 1n,
      spelled: { taskId: '', executorAddress: '' },
    },
    curve: 'bn254',
    found: undefined,
  };
}

function held() {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  collectGarbage();
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    megabytes: (heapUsed + external + arrayBuffers) / 2 ** 20,
    descriptors: readdirSync('/proc/self/fd').length,
    ofPerformer: readdirSync(`/proc/${pid}/fd`).length,
  };
}

test('behavior: of 500 tasks no more run at once than may, and neither memory nor descriptors grow', async () => {
  const deps: RunDependencies = {
    performers: pool,
    slots: new AvsSlots({ maxConcurrent: AT_ONCE, maxWaiting: TASKS }),
    clock: systemClock,
    maxTaskSeconds: 300,
    maxOutputBytes: OUTPUT_BYTES,
  };
  let answered = 0;
  const runSome = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, number) => {
        const output = await runTask(task(number, `size ${OUTPUT_BYTES}`), deps, never);
        if (output.length === OUTPUT_BYTES) answered += 1;
      }),
    );
  await runSome(100);
  const before = held();
  await runSome(TASKS - 100);
  const after = held();
  expect(answered).toBe(TASKS);
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.ofPerformer).toBe(before.ofPerformer);
  // The tasks in between brought eight times as much.
  expect(after.megabytes - before.megabytes).toBeLessThan(5);

  const most = await Promise.all(
    Array.from({ length: 5 * AT_ONCE }, async (_, number) =>
      Number(Buffer.from(await runTask(task(number, `crowd ${AT_ONCE}`), deps, never)).toString()),
    ),
  );
  expect(Math.max(...most)).toBe(AT_ONCE);
}, 60_000);
