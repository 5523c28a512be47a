import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  type AggregatorStanding,
  judgeInfo,
  judgeStanding,
  planTask,
} from '../../../src/aggregator/intake.js';
import { collectingEndsAtSeconds } from '../../../src/aggregator/task-plan.js';
import { blockNumber } from '../../../src/base/brands.js';
import { word } from '../../../src/base/bytes.js';
import type { TaskInfo } from '../../../src/chain/contracts/task-mailbox.js';
import type { OperatorTable } from '../../../src/chain/operator-table.js';
import { type Bn254, loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import type { CurveName } from '../../../src/crypto/curve.js';
import { ConsensusType, TaskStatus } from '../../../src/protocol/enums.js';
import { operatorTableTree } from '../../../src/protocol/operator-table.js';
import { AVS, DOMAIN, newTask, operatorAddress } from './world.js';

const CHAIN = { name: 'local', refusedCurves: new Map<CurveName, string>() };
const threshold: TaskInfo['config']['consensus'] = {
  consensusType: ConsensusType.stakeProportionThreshold,
  value: word(6_667),
};

function info(change: { status?: number; curveType?: number; consensus?: typeof threshold } = {}) {
  const { status = TaskStatus.created, curveType = 2, consensus = threshold } = change;
  const config = {
    taskHook: AVS,
    taskSlaSeconds: 60,
    feeToken: AVS,
    curveType,
    feeCollector: AVS,
    consensus,
    taskMetadata: new Uint8Array(),
  };
  return { status, config };
}

describe('judgeInfo', () => {
  test('default: an open task gives its curve and consensus', () => {
    expect(judgeInfo(info(), CHAIN)).toEqual({
      curve: 'bn254',
      consensus: { kind: 'threshold', bips: 6_667 },
    });
    const none = { consensusType: ConsensusType.none, value: new Uint8Array() };
    expect(judgeInfo(info({ curveType: 1, consensus: none }), CHAIN)).toEqual({
      curve: 'ecdsa',
      consensus: { kind: 'none' },
    });
  });

  test.each([
    ['TASK_EXPIRED', { status: TaskStatus.expired }],
    // Retryable: an endpoint that lags will know the task a moment later.
    ['CHAIN_RPC', { status: TaskStatus.none }],
    ['TASK_REFUSED', { curveType: 0 }],
    ['TASK_REFUSED', { curveType: 3 }],
    ['TASK_REFUSED', { consensus: { ...threshold, value: word(10_001) } }],
  ])('error: %s for %p', (code, change) => {
    expect(() => judgeInfo(info(change), CHAIN)).toThrow(expect.objectContaining({ code }));
  });

  test('error: a curve whose digests differ on this chain is refused with that reason', () => {
    const chain = { name: 'local', refusedCurves: new Map([['bn254', 'digests differ'] as const]) };
    expect(() => judgeInfo(info(), chain)).toThrow(
      expect.objectContaining({ code: 'TASK_REFUSED', message: 'digests differ' }),
    );
    expect(judgeInfo(info({ curveType: 1 }), chain).curve).toBe('ecdsa');
  });
});

const standing = (change: Partial<AggregatorStanding> = {}): AggregatorStanding => ({
  setup: { registrar: operatorAddress(9), aggregatorOperatorSetId: 0, executorOperatorSetIds: [1, 2] },
  isMember: true,
  curve: 'ecdsa',
  ...change,
});
const US = { aggregator: operatorAddress(0), signingCurves: new Set<CurveName>(['ecdsa']) };

describe('judgeStanding', () => {
  test('default: a member with a key of the right curve may hand out the task', () => {
    expect(judgeStanding({ operatorSetId: 2 }, standing(), US, blockNumber(7))).toBe('ecdsa');
  });

  test.each([
    [/not one of the AVS's executor operator sets/, 3, {}],
    [/not a member/, 1, { isMember: false }],
    [/has no curve/, 1, { curve: undefined }],
    [/no signing key of the curve/, 1, { curve: 'bn254' as const }],
  ])('error: %s', (message, operatorSetId, change) => {
    expect(() => judgeStanding({ operatorSetId }, standing(change), US, blockNumber(7))).toThrow(
      expect.objectContaining({ code: 'TASK_REFUSED', message: expect.stringMatching(message) }),
    );
  });
});

describe('planTask', () => {
  let bn254: Bn254;
  beforeAll(async () => {
    bn254 = await loadBn254();
  });

  function plan(
    rows: readonly (readonly bigint[])[],
    totalWeights: readonly bigint[],
    usableUntilSeconds = Number.POSITIVE_INFINITY,
    tree = operatorTableTree([]),
  ) {
    const members = rows.map((weights, index) => ({
      operator: operatorAddress(index),
      index,
      weights,
      key: bn254.derivePublicKey(BigInt(index + 1)),
    }));
    const table: OperatorTable = {
      curve: 'bn254',
      operatorSet: { avs: AVS, id: 1 },
      referenceTimestamp: 900,
      l1Block: blockNumber(40),
      members,
      totalWeights,
      tree,
    };
    return planTask({
      task: newTask(),
      curve: 'bn254',
      consensus: { kind: 'threshold', bips: 5_000 },
      taskBlock: blockNumber(40),
      standing: standing(),
      aggregatorCurve: 'ecdsa',
      usable: { table, usableUntilSeconds },
      chain: { ecdsaDomainSeparator: DOMAIN },
    });
  }

  test('default: the plan holds every operator of the table, in its order, and cannot be changed', () => {
    const planned = plan([[5n], [3n]], [8n]);
    expect(planned.operators.map(({ operator, index }) => [operator, index])).toEqual([
      [operatorAddress(0), 0],
      [operatorAddress(1), 1],
    ]);
    expect(planned).toMatchObject({ totalWeight: 8n, taskBlockNumber: 40n, registrar: operatorAddress(9) });
    expect(Object.isFrozen(planned)).toBe(true);
  });

  test('behavior: all plans over a table share the tree that was made when it was read', () => {
    const tree = operatorTableTree([]);
    expect(plan([[5n]], [5n], undefined, tree).leafTree).toBe(tree);
  });

  test.each([
    ['the deadline', Number.POSITIVE_INFINITY, 1_100, 1_080],
    ['the deadline', 1_100, 1_100, 1_080],
    ["the table's age, when that is sooner", 1_050, 1_050, 1_040],
  ])(
    'behavior: a result is in time until %s (usable until %i)',
    (_what, usableUntil, endsAt, collectingEnds) => {
      const planned = plan([[5n]], [5n], usableUntil);
      expect(planned.endsAtSeconds).toBe(endsAt);
      expect(collectingEndsAtSeconds(planned)).toBe(collectingEnds);
    },
  );

  test.each([
    ['no stake weight', [[0n]], [0n]],
    ['no stake weight', [], []],
    ['2 stake types', [[5n, 1n]], [5n, 1n]],
  ])('error: a table with %s is refused before anybody is asked', (message, rows, totals) => {
    expect(() => plan(rows, totals)).toThrow(
      expect.objectContaining({ code: 'TASK_REFUSED', message: expect.stringContaining(message) }),
    );
  });
});
