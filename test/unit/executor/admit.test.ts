import { describe, expect, test } from '@jest/globals';
import { isPonosError, PonosError } from '../../../src/base/error.js';
import type { TaskSubmission } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { grpcStatusOf } from '../../../src/rpc/status.js';
import {
  AGGREGATOR_OPERATOR,
  type ExecutorWorld,
  executorWorld,
  PEER,
} from '../../support/executor-world.js';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

async function statusOf(world: ExecutorWorld, request: TaskSubmission): Promise<number> {
  const refused = world.flow.submit(request, PEER).then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => {
      if (isPonosError(error)) return grpcStatusOf(error);
      throw error;
    },
  );
  // Waiting for a block or a task takes up to ten seconds.
  for (let second = 0; second < 15; second += 1) await world.clock.advance(1_000);
  return refused;
}

interface Case {
  readonly name: string;
  readonly spoil: (world: ExecutorWorld) => Partial<TaskSubmission> | undefined;
  readonly status: number;
  /** The last thing that was read before the refusal; nothing that comes later in the order is touched. */
  readonly lastRead: string | undefined;
}

const CASES: readonly Case[] = [
  {
    name: '1 a malformed field',
    spoil: () => ({ version: 2 }),
    status: INVALID_ARGUMENT,
    lastRead: undefined,
  },
  {
    name: '2 another operator',
    spoil: () => ({ executorAddress: `0x${'99'.repeat(20)}` }),
    status: PERMISSION_DENIED,
    lastRead: undefined,
  },
  {
    name: '2 a payload over the limit',
    spoil: () => ({ payload: Buffer.alloc(1_001) }),
    status: INVALID_ARGUMENT,
    lastRead: undefined,
  },
  {
    name: '3 no performer for the AVS',
    spoil: (world) => {
      world.state.performer = 'missing';
      return {};
    },
    status: NOT_FOUND,
    lastRead: undefined,
  },
  {
    name: '3 a performer that restarts',
    spoil: (world) => {
      world.state.performer = 'restarting';
      return {};
    },
    status: UNAVAILABLE,
    lastRead: undefined,
  },
  {
    name: '4 a block ahead of the head',
    spoil: () => ({ taskBlockNumber: 1_001n }),
    status: UNAVAILABLE,
    lastRead: 'head',
  },
  {
    name: '4 a block that is too old',
    spoil: () => ({ taskBlockNumber: 499n }),
    status: PERMISSION_DENIED,
    lastRead: 'block',
  },
  {
    name: '5 an aggregator that has left since',
    spoil: (world) => {
      world.state.memberUntil = 950;
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'aggregators@1000',
  },
  {
    name: '5 an aggregator that was none at the block of the task',
    spoil: (world) => {
      world.state.memberFrom = 950;
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'aggregators@900',
  },
  {
    name: '5 a block at which the AVS was not there yet',
    spoil: (world) => {
      world.state.pastFailure = new PonosError('AVS_UNKNOWN', { message: 'the AVS has no registrar' });
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'aggregators@900',
  },
  {
    name: '5 a block at which the contracts of L1 were not there yet',
    spoil: (world) => {
      world.state.pastFailure = new PonosError('CONTRACT_MISSING', { message: 'nothing answers' });
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'aggregators@900',
  },
  {
    name: '5 a stranger who names a member',
    spoil: () => ({ signature: Buffer.alloc(65, 27) }),
    status: PERMISSION_DENIED,
    // No key that is the same there and now was another one in between.
    lastRead: 'key of set 0@0',
  },
  {
    name: '5 a stranger who names a member that had another key at the block of the task',
    spoil: (world) => {
      world.state.aggregatorKeyFrom = 950;
      return { signature: Buffer.alloc(65, 27) };
    },
    status: PERMISSION_DENIED,
    lastRead: 'key of set 0@900',
  },
  {
    name: '5 this operator without a key in the operator set',
    spoil: (world) => {
      world.state.ownKeyUntil = 800;
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'table blocks',
  },
  {
    name: '5 the key of this node not the registered one',
    spoil: (world) => {
      world.state.registeredOwnKey = { curve: 'ecdsa', address: AGGREGATOR_OPERATOR };
      return {};
    },
    status: FAILED_PRECONDITION,
    lastRead: 'table blocks',
  },
  {
    name: '6 a task of which the mailbox has another payload',
    spoil: (world) => {
      world.state.l1Task = { payload: Uint8Array.of(9) };
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'task on L2',
  },
  {
    name: '6 a task of another operator set',
    spoil: (world) => {
      world.state.l1Task = { operatorSetId: 8 };
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'task on L2',
  },
  {
    name: '6 a task with another reference timestamp',
    spoil: (world) => {
      world.state.l2Task = { referenceTimestamp: 5 };
      world.state.l1Task = undefined;
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'task on L2',
  },
  {
    name: '6 a task that no mailbox of all chains knows',
    spoil: (world) => {
      world.state.l1Task = undefined;
      return {};
    },
    status: PERMISSION_DENIED,
    lastRead: 'task on L2',
  },
  {
    name: '6 a task that may be on a chain whose RPC is down',
    spoil: (world) => {
      world.state.l1Task = undefined;
      world.state.l2IsDown = true;
      return {};
    },
    status: UNAVAILABLE,
    lastRead: 'task on L2',
  },
  {
    name: '6 a task on a chain whose verifier computes another digest',
    spoil: (world) => {
      Object.assign(world.state, { l1Task: undefined, l2Task: {}, curve: 'bn254' });
      return {};
    },
    status: FAILED_PRECONDITION,
    lastRead: 'task on L2',
  },
  {
    name: '8 a task whose time is over',
    spoil: (world) => {
      world.state.l1Task = { deadlineSeconds: 1_600_012_000 };
      return {};
    },
    status: FAILED_PRECONDITION,
    lastRead: 'task on L2',
  },
];

describe('the checks of a submission, in their order', () => {
  test('default: an honest submission passes them all', async () => {
    const world = await executorWorld();
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toMatchObject({ version: 1 });
    expect(world.runs).toHaveLength(1);
  });

  test.each(CASES)('error: $name', async ({ spoil, status, lastRead }) => {
    const world = await executorWorld();
    const changes = spoil(world);
    expect(await statusOf(world, world.submission(changes))).toBe(status);
    expect(world.reads.at(-1)).toBe(lastRead);
    expect(world.runs).toHaveLength(0);
  });

  test('behavior: each case is refused by its own check even if every later one would refuse too', async () => {
    for (const [index, { spoil, status }] of CASES.slice(0, 14).entries()) {
      const world = await executorWorld();
      const later = CASES.slice(index + 1, 14).map((each) => each.spoil(world));
      const own = spoil(world);
      const request = world.submission(Object.assign({}, ...later.reverse(), own));
      expect([index, await statusOf(world, request)]).toEqual([index, status]);
    }
  });
});

describe('floods', () => {
  test('behavior: malformed submissions reach neither chain nor performer', async () => {
    const world = await executorWorld();
    const garbage = Array.from({ length: 1_000 }, (_, index) =>
      world.flow.submit(world.submission({ taskId: `0x${index}` }), PEER),
    );
    const results = await Promise.allSettled(garbage);
    expect(results.every((result) => result.status === 'rejected')).toBe(true);
    expect(world.reads).toEqual([]);
  });

  test('behavior: strangers cost two reads in all: the head and the members', async () => {
    const world = await executorWorld();
    const strangers = Array.from({ length: 500 }, (_, index) =>
      world.flow.submit(
        world.submission({ aggregatorAddress: `0x${index.toString(16).padStart(40, '0')}` }),
        PEER,
      ),
    );
    await Promise.allSettled(strangers);
    expect(new Set(world.reads.filter((read) => read !== 'block'))).toEqual(
      new Set(['head', 'aggregators@1000']),
    );
  });

  test('behavior: the payload of a stranger is not even hashed', async () => {
    const world = await executorWorld();
    const request = world.submission({ aggregatorAddress: `0x${'77'.repeat(20)}` });
    let looks = 0;
    const payload = new Proxy(request.payload, {
      get(target, name) {
        looks += name === 'length' ? 0 : 1;
        return Reflect.get(target, name, target);
      },
    });
    await expect(world.flow.submit({ ...request, payload }, PEER)).rejects.toMatchObject({
      code: 'REQUEST_DENIED',
    });
    expect(looks).toBe(0);
  });

  test('behavior: whoever names a member and cannot sign gets few looks into the past', async () => {
    const world = await executorWorld();
    world.state.aggregatorKeyFrom = 950;
    const forged = Array.from({ length: 200 }, (_, index) =>
      world.flow.submit(
        world.submission({ signature: Buffer.alloc(65, 27), taskBlockNumber: BigInt(600 + index) }),
        PEER,
      ),
    );
    await Promise.allSettled(forged);
    const pastBlocks = new Set(world.reads.filter((read) => /aggregators@[6-7]/.test(read)));
    expect(pastBlocks.size).toBe(5);
  });

  test('error: a peer over its limit is told to come again, and others are served', async () => {
    const world = await executorWorld({ requestsPerSecond: 2 });
    const stranger = world.submission({ aggregatorAddress: `0x${'77'.repeat(20)}` });
    const codes = [];
    for (let count = 0; count < 4; count += 1) {
      codes.push(
        await world.flow.submit(stranger, PEER).catch((error: unknown) => isPonosError(error) && error.code),
      );
    }
    expect(codes).toEqual(['REQUEST_DENIED', 'REQUEST_DENIED', 'REQUEST_LIMIT', 'REQUEST_LIMIT']);
    await expect(world.flow.submit(world.submission(), '10.0.0.8:1')).resolves.toBeDefined();
  });
});

describe('what a task may still be', () => {
  test('behavior: an operator that has left is needed for the table it is in', async () => {
    const world = await executorWorld();
    world.state.ownKeyUntil = 800;
    world.state.tableBlocks = [750];
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toBeDefined();
  });

  test('behavior: an unknown task is accepted while a supported chain is out of sight', async () => {
    const world = await executorWorld();
    world.state.l1Task = undefined;
    world.state.supportedChains = [31_337, 31_338, 8_453];
    const answered = world.flow.submit(world.submission(), PEER);
    await world.clock.advance(4_000);
    await expect(answered).resolves.toBeDefined();
  });

  test('behavior: requireTaskOnChain refuses it all the same', async () => {
    const world = await executorWorld({ requireTaskOnChain: true });
    world.state.l1Task = undefined;
    world.state.supportedChains = [31_337, 31_338, 8_453];
    expect(await statusOf(world, world.submission())).toBe(PERMISSION_DENIED);
  });

  test('behavior: a mailbox that learns of the task within three seconds is waited for', async () => {
    const world = await executorWorld();
    world.state.l1Task = undefined;
    const answered = world.flow.submit(world.submission(), PEER);
    await world.clock.advance(1_000);
    world.state.l1Task = {};
    await world.clock.advance(3_000);
    await expect(answered).resolves.toBeDefined();
  });

  test('behavior: a chain whose RPC hangs does not hold up a task that another one knows', async () => {
    const world = await executorWorld();
    world.state.l2Hangs = true;
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toBeDefined();
  });

  test("error: a node without a key of the operator set's curve says so", async () => {
    const world = await executorWorld({ curves: ['bn254'] });
    await expect(world.flow.submit(world.submission(), PEER)).rejects.toMatchObject({
      code: 'OPERATOR_KEY_MISMATCH',
      message: 'the operator set signs with ecdsa, and this node has no such key',
    });
  });

  test('behavior: a chain that is down does not matter when another one knows the task', async () => {
    const world = await executorWorld();
    world.state.l2IsDown = true;
    await expect(world.flow.submit(world.submission(), PEER)).resolves.toBeDefined();
  });
});
