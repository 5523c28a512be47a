import { describe, expect, test } from '@jest/globals';
import { danglingRecords, describeProblem, judgeProblem } from '../../../src/store/store-problem.js';

const T = 'chain/0xaa/';

describe('judgeProblem', () => {
  test.each([
    ['executor', 'answer', 'stop'],
    ['executor', 'output', 'contain'],
    ['executor', 'under-way', 'contain'],
    ['executor', 'performer', 'contain'],
    ['executor', 'deployment', 'contain'],
    ['executor', 'schema', 'stop'],
    ['executor', 'something new', 'stop'],
    ['aggregator', 'cursor', 'contain'],
    ['aggregator', 'task', 'stop'],
    ['aggregator', 'payload', 'stop'],
    ['aggregator', 'open', 'stop'],
    ['aggregator', 'transaction', 'stop'],
    ['aggregator', 'registration', 'stop'],
    ['aggregator', 'answer', 'contain'],
    ['aggregator', 'output', 'contain'],
    ['aggregator', 'block', 'contain'],
    ['aggregator', 'block-task', 'contain'],
    ['aggregator', 'settled', 'contain'],
    ['aggregator', 'finished', 'contain'],
    ['aggregator', 'backfill', 'contain'],
    ['aggregator', 'operator-set', 'contain'],
    ['aggregator', 'something new', 'stop'],
    ['executor', '~quarantine', 'contain'],
  ] as const)('behavior: an %s that has lost records of %j: %s', (role, namespace, effect) => {
    for (const kind of ['bad-record', 'lost-records', 'outdated-records', 'returned-records'] as const) {
      const verdict = judgeProblem(role, { kind, what: 'it is gone', namespace });
      expect(verdict).toEqual({ effect, consequence: expect.stringMatching(/^[a-z].*[a-z]$/i) });
    }
  });

  test.each([
    ['unreadable', 'stop'],
    ['lost-tail', 'stop'],
    ['no-ledger', 'stop'],
    ['no-schema', 'stop'],
    ['no-witness', 'contain'],
  ] as const)('behavior: %s, of nobody knows what: %s', (kind, effect) => {
    for (const role of ['aggregator', 'executor'] as const) {
      expect(judgeProblem(role, { kind, what: 'it is gone' }).effect).toBe(effect);
    }
  });
});

describe('danglingRecords', () => {
  const whole = [
    `task/${T}`,
    `payload/${T}`,
    `open/${T}`,
    'block-task/chain/0001/0xaa/',
    'settled/chain/0002/0xaa/',
    'finished/0003/chain/0xaa/',
    'cursor/chain/',
    'block/chain/0001/',
  ];
  test.each([
    ['nothing', undefined, []],
    ['the payload', `payload/${T}`, [`task/${T}`, `open/${T}`]],
    [
      'the task',
      `task/${T}`,
      [`open/${T}`, 'block-task/chain/0001/0xaa/', 'settled/chain/0002/0xaa/', 'finished/0003/chain/0xaa/'],
    ],
    ['an index', `open/${T}`, []],
    ['a block', 'block/chain/0001/', []],
  ])('behavior: without %s', (_what, missing, dangling) => {
    const keys = new Set(whole.filter((key) => key !== missing));
    expect(danglingRecords('aggregator', keys).map(({ key }) => key)).toEqual(dangling);
    expect(danglingRecords('executor', keys)).toEqual([]);
  });
});

describe('describeProblem', () => {
  test.each([
    [
      { kind: 'lost-tail', what: 'the last 2 of 9 batches are gone' } as const,
      'lost-tail: the last 2 of 9 batches are gone',
    ],
    [
      {
        kind: 'bad-record',
        what: 'its key is none of ours',
        namespace: 'task',
        key: 'task/\u001b[2J\u00ff/',
      } as const,
      'bad-record in task/\\x1b[2J\\xff/: its key is none of ours',
    ],
    [
      { kind: 'lost-records', what: '1 of 3 records are gone', namespace: 'answer', records: 1 } as const,
      'lost-records in answer: 1 of 3 records are gone',
    ],
  ])('behavior: in one line that a terminal can print', (problem, line) => {
    expect(describeProblem(problem)).toBe(line);
  });
});
