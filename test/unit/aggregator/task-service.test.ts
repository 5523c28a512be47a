import { describe, expect, test } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { taskName } from '../../../src/aggregator/task-plan.js';
import { createTaskService } from '../../../src/aggregator/task-service.js';
import { blockNumber, chainId, parseAddress, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { ListTasksRequest } from '../../../src/rpc/generated/ponos/v1/tasks.js';
import type { TaskRecord } from '../../../src/store/aggregator-records.js';
import { AVS } from './world.js';

const context = { peer: '127.0.0.1:4711' } as CallContext;
const OTHER_AVS = parseAddress(`0x${'0c'.repeat(20)}`);
const hash = (index: number) => `0x${index.toString(16).padStart(64, '0')}`;

function record(index: number, changes: Partial<TaskRecord> = {}): TaskRecord {
  return {
    taskId: parseTaskId(hash(index)),
    chainId: chainId(31_337),
    creator: AVS,
    avs: AVS,
    operatorSetId: 1,
    referenceTimestamp: 1_700_000_000,
    blockNumber: blockNumber(100 + index),
    blockHash: parseHash32(hash(1_000 + index)),
    blockTimestampSeconds: 1_700_000_000,
    deadlineSeconds: 1_700_000_060,
    createdAtMs: 1_700_000_000_000 + index,
    status: 'pending',
    attempts: 0,
    updatedAtMs: 1_700_000_000_500,
    ...changes,
  };
}

function world(records: readonly TaskRecord[], steps: ReadonlyMap<string, { step: 'sent' }> = new Map()) {
  const service = createTaskService({
    guard: { admit: () => undefined, issueToken: () => ({ token: '', expiresAtSeconds: 0 }) },
    store: {
      async *taskRecords() {
        yield* records;
      },
    },
    stories: () => steps,
  });
  const list = (changes: Partial<ListTasksRequest> = {}) =>
    service.list({ ...ListTasksRequest.decode(Buffer.alloc(0)), ...changes }, context);
  const found = async (changes: Partial<ListTasksRequest> = {}) => {
    const { tasks = [], found: total } = await list(changes);
    return { tasks: tasks.map(({ taskId }) => Number(taskId)), total };
  };
  return { list, found };
}

describe('ponos.v1.TaskService', () => {
  test('default: everything there is to know of a task', async () => {
    const failed = record(1, {
      status: 'failed',
      reason: 'nobody answered',
      attempts: 2,
      transactionHash: parseHash32(hash(9)),
    });
    const { list } = world([failed], new Map([[taskName(failed), { step: 'sent' }]]));
    expect(await list()).toEqual({
      tasks: [
        {
          taskId: hash(1),
          chainId: 31_337n,
          avsAddress: AVS,
          operatorSetId: 1,
          status: 'failed',
          reason: 'nobody answered',
          attempts: 2,
          transactionHash: hash(9),
          blockNumber: 101n,
          deadlineSeconds: 1_700_000_060n,
          createdAtMs: 1_700_000_000_001n,
          updatedAtMs: 1_700_000_000_500n,
          step: 'sent',
        },
      ],
      found: 1n,
    });
  });

  test('behavior: the newest first, no more than asked for, and how many there are', async () => {
    const { found } = world([3, 9, 1, 7, 5, 8].map((index) => record(index)));
    expect(await found({ limit: 2 })).toEqual({ tasks: [9, 8], total: 6n });
    expect(await found()).toEqual({ tasks: [9, 8, 7, 5, 3, 1], total: 6n });
  });

  test('behavior: a hundred by default, ten thousand at most', async () => {
    const { found } = world(Array.from({ length: 30_000 }, (_, index) => record(index)));
    expect((await found()).tasks).toHaveLength(100);
    const all = await found({ limit: 4_000_000_000 });
    expect([all.tasks.length, all.tasks[0], all.tasks.at(-1), all.total]).toEqual([
      10_000,
      29_999,
      20_000,
      30_000n,
    ]);
  });

  test('behavior: by status, AVS and chain', async () => {
    const { found } = world([
      record(1, { status: 'completed' }),
      record(2, { avs: OTHER_AVS }),
      record(3, { chainId: chainId(31_338) }),
    ]);
    expect((await found({ status: 'completed' })).tasks).toEqual([1]);
    expect((await found({ avsAddress: OTHER_AVS.toUpperCase().replace('0X', '0x') })).tasks).toEqual([2]);
    expect((await found({ chainId: 31_338n })).tasks).toEqual([3]);
  });

  test.each([
    [{ status: 'done' }, /^status: must be one of pending, processing/],
    [{ avsAddress: '0x12' }, /^avs_address: an address must be/],
  ])('error: %o', async (changes, message) => {
    await expect(world([]).list(changes)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('error: whom the guard does not admit', async () => {
    const service = createTaskService({
      guard: {
        admit: () => {
          throw new PonosError('CREDENTIALS_REFUSED', { message: 'not you' });
        },
        issueToken: () => ({ token: '', expiresAtSeconds: 0 }),
      },
      store: {
        taskRecords: () => {
          throw new Error('the store was read');
        },
      },
      stories: () => new Map(),
    });
    await expect(service.list(ListTasksRequest.decode(Buffer.alloc(0)), context)).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
    });
  });
});
