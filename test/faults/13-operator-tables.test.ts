/** Threat 13: the operator set changes between table and task, and tables with which nothing can be certified. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import type { Address } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { g1ToWords } from '../../src/crypto/bn254/points.js';
import { TABLE_STALENESS_SECONDS } from '../../src/devnet/plan.js';
import { setStake } from '../../src/devnet/register.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { operatorTableRoot } from '../../src/protocol/operator-table.js';
import {
  type Administration,
  confirmRootOnly,
  setStaleness,
  setTaskRules,
  transport,
} from '../support/administer.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  ECDSA_SET,
} from '../support/aggregator-devnet.js';
import { answeringContract } from '../support/answering-contract.js';

const [L1, L2] = [31_337, 31_338];
const LIMIT_MS = 60_000;
/** Both curves, both chains. */
const KINDS = [
  [L1, BN254_SET],
  [L2, ECDSA_SET],
] as const;

let world: AggregatorDevnet;
const running: Aggregator[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
}, 120_000);
afterAll(async () => {
  await world?.close();
}, LIMIT_MS);
afterEach(async () => {
  await Promise.all(running.splice(0).map((aggregator) => aggregator.close(0)));
  await world.reset();
}, LIMIT_MS);

async function start(): Promise<void> {
  running.push(await world.startAggregator());
}

async function createBoth(): Promise<{ readonly chain: number; readonly task: TaskCreatedEvent }[]> {
  return Promise.all(
    KINDS.map(async ([chain, set]) => {
      const [task] = await world.createTasks(chain, set, ['0x07']);
      if (task === undefined) throw new Error('no task');
      return { chain, task };
    }),
  );
}

const calls = () => world.executors.map(({ submissions }) => submissions.length);

/** Expects that the task fails with this reason, and that nobody was asked to work on it. */
async function expectRefused(chain: number, task: TaskCreatedEvent, reason: string): Promise<void> {
  const { fields } = await world.logged(
    (line) => line.message === 'task failed' && line.fields.taskId === task.taskId,
  );
  expect(fields.reason).toContain(reason);
  expect(fields.lastStep).toBe('seen');
  expect(calls()).toEqual([0, 0, 0, 0]);
  expect(await world.status(chain, task)).toBe(TaskStatus.created);
}

describe('what changes between table and task', () => {
  test(
    'behavior: a global root newer than the own table of the set, and stakes that have changed since, change nothing',
    async () => {
      const [leaving] = world.cast.executors;
      if (leaving === undefined) throw new Error('no executor');
      const newest = await world.administer(async (admin) => {
        for (const set of [BN254_SET, ECDSA_SET]) await setStake(admin, leaving, set, 0n);
        await admin.l1.settle(admin.clock);
        return confirmRootOnly(admin);
      });
      await start();
      const tasks = await createBoth();
      for (const { chain, task } of tasks) {
        expect(task.referenceTimestamp).toBeLessThan(newest);
        await world.verifiedAt(chain, task);
      }
      // Who has no stake any more is in the table still.
      expect(calls()).toEqual([2, 2, 2, 2]);

      await world.administer(transport);
      const later = await createBoth();
      for (const { chain, task } of later) {
        expect(task.referenceTimestamp).toBeGreaterThan(newest);
        await world.verifiedAt(chain, task);
      }
      expect(calls()).toEqual([2, 4, 4, 4]);
    },
    LIMIT_MS,
  );
});

describe('a table that grows old', () => {
  /** Tables may be used for this long, those that are there already, too. */
  const shorten = (seconds: number) =>
    world.administer(async (admin) => {
      await setStaleness(admin, seconds);
      await transport(admin);
    });
  afterEach(async () => {
    await world.administer(async (admin) => {
      await setStaleness(admin, TABLE_STALENESS_SECONDS);
      await transport(admin);
    });
  }, LIMIT_MS);

  test(
    'error: one that was good when the task was created and is too old now: a named reason, and nobody is asked',
    async () => {
      const tasks = await createBoth();
      await shorten(1);
      await start();
      for (const { chain, task } of tasks) {
        await expectRefused(chain, task, 'too old to certify with (reason table-stale');
      }
    },
    LIMIT_MS,
  );

  test(
    'behavior: one that will be too old before the deadline certifies as long as it is not, with a warning',
    async () => {
      const tasks = await createBoth();
      // Five seconds before the deadline, which leaves it most of the task's time.
      const ages = tasks.map(({ task }) => task.deadlineSeconds - task.referenceTimestamp);
      await shorten(Math.min(...ages) - 5);
      await start();
      for (const { chain, task } of tasks) {
        await world.verifiedAt(chain, task);
        const { fields } = await world.logged(
          ({ message, fields: { taskId } }) =>
            message.startsWith("the task's operator table will be too old") && taskId === task.taskId,
        );
        expect(Number(fields.secondsBeforeDeadline)).toBeGreaterThan(0);
      }
    },
    LIMIT_MS,
  );
});

describe('tables that cannot certify', () => {
  const CALCULATOR = `0x${'ca1c'.padStart(40, '0')}`;

  interface Told {
    /** What is carried to the verifiers. */
    readonly carried: readonly (readonly bigint[])[];
    /** What the calculator says of the operators, to whoever reads it. */
    readonly read: readonly (readonly bigint[])[];
  }

  /** The BN254 set gets a calculator that says what it is told to, and its table is carried to the chains. */
  async function tell(admin: Administration, { carried, read }: Told): Promise<void> {
    const { cast, bn254, l1, contracts } = admin;
    const { abi } = contracts.bn254Calculator;
    const keys = cast.executors.map(({ bn254Secret }) => bn254.derivePublicKey(bn254Secret).g1);
    const infos = (rows: Told['read']) =>
      rows.map((row, index) => ({ pubkey: found(keys[index]), weights: row }));
    const totals = found(carried[0]).map((_, type) =>
      carried.reduce((sum, row) => sum + found(row[type]), 0n),
    );
    const total = bn254.addG1(keys);
    const table = AbiCoder.defaultAbiCoder().encode(
      ['tuple(bytes32, uint256, tuple(uint256, uint256), uint256[])'],
      [[toHex(operatorTableRoot(infos(carried))), keys.length, g1ToWords(total), totals]],
    );
    const code = answeringContract(abi, {
      getOperatorSetWeights: { returns: [cast.executors.map(({ address }) => address), read] },
      getOperatorInfos: { returns: [infos(read).map(({ pubkey, weights }) => [g1ToWords(pubkey), weights])] },
      calculateOperatorTableBytes: { returns: [table] },
    });
    await l1.place(CALCULATOR as Address, code);
    await use(admin, CALCULATOR);
  }

  async function use({ l1, contracts, cast, ...admin }: Administration, calculator: string): Promise<void> {
    const args = [[cast.avs.address, BN254_SET], calculator];
    await l1.send(cast.avs, contracts.crossChainRegistry, 'setOperatorTableCalculator', args);
    await l1.settle(admin.clock);
    await transport({ l1, contracts, cast, ...admin });
  }

  afterAll(async () => {
    await world.administer((admin) => use(admin, admin.contracts.bn254Calculator.address));
  }, LIMIT_MS);

  const twoStakeTypes = [
    [30n, 1n],
    [25n, 2n],
    [20n, 3n],
    [15n, 4n],
  ];

  test(
    'error: a table of two stake types under a threshold is refused with the reason; a consensus without one takes it',
    async () => {
      await world.administer((admin) => tell(admin, { carried: twoStakeTypes, read: twoStakeTypes }));
      await start();
      const [refused] = await world.createTasks(L1, BN254_SET, ['0x07']);
      await expectRefused(
        L1,
        found(refused),
        'has 2 stake types, but the mailbox checks a threshold of one only',
      );

      await world.administer((admin) => setTaskRules(admin, { consensus: 'none' }));
      const [taken] = await world.createTasks(L1, BN254_SET, ['0x07']);
      await world.verifiedAt(L1, found(taken));
      expect(calls()).toEqual([1, 1, 1, 1]);
      await world.administer((admin) => setTaskRules(admin, { consensus: 6_000 }));
    },
    LIMIT_MS,
  );

  test(
    'error: a table that is not the one the verifier holds is refused before anybody is asked, on L2 too',
    async () => {
      const one = (weight: bigint) => [[weight], [25n], [20n], [15n]];
      await world.administer((admin) => tell(admin, { carried: one(30n), read: one(31n) }));
      await start();
      for (const chain of [L1, L2]) {
        const [task] = await world.createTasks(chain, BN254_SET, ['0x07']);
        await expectRefused(chain, found(task), 'not the one the verifier holds (reason table-mismatch');
      }
    },
    LIMIT_MS,
  );
});

const found = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the test names somebody who is not there');
  return value;
};
