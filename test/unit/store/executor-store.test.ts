import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Hash32, parseAddress, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { toHex } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import type { Answer, AnswerKey } from '../../../src/store/executor-records.js';
import {
  ANSWERED,
  answeredTasks,
  createExecutorStore,
  type ExecutorStore,
} from '../../../src/store/executor-store.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { encodeJsonRecord } from '../../../src/store/record-codec.js';
import { keysBelow } from '../../../src/store/store-key.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const key: AnswerKey = {
  avs: parseAddress(`0x${'11'.repeat(20)}`),
  operatorSetId: 1,
  taskId: parseTaskId(`0x${'22'.repeat(32)}`),
};
const payloadHash = parseHash32(`0x${'33'.repeat(32)}`);

function answer(overrides: Partial<Answer> = {}): Answer {
  return {
    payloadHash,
    output: bytes('49'),
    referenceTimestamp: 1_000,
    resultSignature: bytes('result signature'),
    authSignature: bytes('auth signature'),
    createdAtMs: 5_000,
    deadlineSeconds: 60,
    ...overrides,
  };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('executor store', () => {
  let values: KeyValueStore;
  const kept = () => answeredTasks(values.scan(keysBelow(ANSWERED)));
  let store: ExecutorStore;

  beforeEach(() => {
    values = createMemoryStore();
    store = createExecutorStore(values);
  });

  test('default: a task that was never answered is not found', async () => {
    expect(await store.find(key)).toBeUndefined();
  });

  test('behavior: an answer is found as it was saved', async () => {
    const saved = await store.saveAnswer(key, answer());
    expect(saved).toEqual({
      payloadHash,
      outputHash: toHex<Hash32>(keccak256(bytes('49'))),
      output: bytes('49'),
      signatures: new Map([
        [1_000, { resultSignature: bytes('result signature'), authSignature: bytes('auth signature') }],
      ]),
      createdAtMs: 5_000,
      deadlineSeconds: 60,
    });
    expect(await store.find(key)).toEqual(saved);
  });

  test('behavior: for the same reference timestamp the first signatures stay, byte for byte', async () => {
    const first = await store.saveAnswer(key, answer());
    const second = await store.saveAnswer(
      key,
      answer({ resultSignature: bytes('another'), createdAtMs: 9_000 }),
    );
    expect(second).toEqual(first);
    expect(await store.find(key)).toEqual(first);
  });

  test('behavior: for another reference timestamp the same output is signed anew, beside the first', async () => {
    await store.saveAnswer(key, answer());
    await store.saveAnswer(
      key,
      answer({
        referenceTimestamp: 2_000,
        resultSignature: bytes('later'),
        createdAtMs: 9_000,
        deadlineSeconds: 90,
      }),
    );
    const found = await store.find(key);
    expect(found).toMatchObject({ createdAtMs: 5_000, deadlineSeconds: 90, output: bytes('49') });
    expect([...(found?.signatures.keys() ?? [])]).toEqual([1_000, 2_000]);
    expect(found?.signatures.get(2_000)?.resultSignature).toEqual(bytes('later'));
  });

  test.each([
    ['another payload', { payloadHash: parseHash32(`0x${'44'.repeat(32)}`) }, 'for another payload'],
    ['another output', { output: bytes('50') }, 'with another output'],
    [
      'another output, for another timestamp',
      { output: bytes('50'), referenceTimestamp: 2_000 },
      'with another output',
    ],
  ])('error: %s', async (_name, overrides, said) => {
    const first = await store.saveAnswer(key, answer());
    await expect(store.saveAnswer(key, answer(overrides))).rejects.toMatchObject({
      code: 'REQUEST_CONFLICT',
      message: `the task was answered before, ${said}`,
    });
    expect(await store.find(key)).toEqual(first);
  });

  test('behavior: of two outputs at the same time only one is stored', async () => {
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c'].map((text) => store.saveAnswer(key, answer({ output: bytes(text) }))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect((await store.find(key))?.output).toEqual(bytes('a'));
  });

  test('behavior: AVS, operator set and task id are all part of the key', async () => {
    await store.saveAnswer(key, answer());
    const others: AnswerKey[] = [
      { ...key, avs: parseAddress(`0x${'12'.repeat(20)}`) },
      { ...key, operatorSetId: 16 },
      { ...key, taskId: parseTaskId(`0x${'23'.repeat(32)}`) },
    ];
    for (const other of others) expect(await store.find(other)).toBeUndefined();
  });

  test('error: a damaged or a missing record is never taken for "not answered"', async () => {
    await store.saveAnswer(key, answer());
    for await (const { key: each, value } of values.scan({ gte: '!', lt: '~' })) {
      const damaged = value.slice();
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
      await values.batch([{ type: 'put', key: each, value: damaged }]);
      await expect(store.find(key)).rejects.toMatchObject({ code: 'STORE_CORRUPT', facts: { key: each } });
      await expect(store.saveAnswer(key, answer())).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
      await values.batch([{ type: 'put', key: each, value }]);
    }
    const [outputKey] = [`output/${key.avs}/${'1'.padStart(16, '0')}/${key.taskId}/`];
    await values.batch([{ type: 'delete', key: outputKey }]);
    await expect(store.find(key)).rejects.toMatchObject({ code: 'STORE_CORRUPT', facts: { key: outputKey } });
  });

  describe('what is under way', () => {
    const work = { payloadHash, referenceTimestamp: 1_000, startedAtMs: 7_000 };

    test('default: what was begun and not ended is told at the next start, once', async () => {
      await store.begin(key, work);
      const next = createExecutorStore(values);
      expect(await next.takeAbandoned()).toEqual([{ ...key, ...work }]);
      expect(await next.takeAbandoned()).toEqual([]);
      expect(await next.find(key)).toBeUndefined();
    });

    test('behavior: an answer ends it in the write that stores the answer; so does giving up', async () => {
      await store.begin(key, work);
      await store.saveAnswer(key, answer());
      expect(await store.takeAbandoned()).toEqual([]);
      const other = { ...key, operatorSetId: 2 };
      await store.begin(other, work);
      await store.giveUp(other);
      expect(await store.takeAbandoned()).toEqual([]);
    });
  });

  test('behavior: damaged notes and keys keep neither a start nor a sweep from going on', async () => {
    const other = { ...key, operatorSetId: 2 };
    for (const each of [key, other])
      await store.begin(each, { payloadHash, referenceTimestamp: 1, startedAtMs: 1 });
    await store.saveAnswer({ ...key, operatorSetId: 3 }, answer());
    for await (const { key: each } of values.scan({
      gte: 'under-way/',
      lt: `under-way/${key.avs}/${'0'.repeat(15)}2`,
    }))
      await values.batch([{ type: 'put', key: each, value: bytes('0123456789') }]);
    const strange = 'answer/0x11/0/no-task/';
    await values.batch([{ type: 'put', key: strange, value: encodeJsonRecord(strange, {}) }]);
    expect(await store.takeAbandoned()).toEqual([expect.objectContaining(other)]);
    const page = await store.sweep({ after: undefined, limit: 10, judge: () => 'everything' });
    expect(page).toMatchObject({ records: 1, damaged: [{ code: 'STORE_CORRUPT', facts: { key: strange } }] });
  });

  describe('sweep', () => {
    const all = { after: undefined, limit: 10 };

    test('behavior: an output that leaves is told from one that is lost, and comes back only as it was', async () => {
      const before = await store.saveAnswer(key, answer());
      expect(await store.sweep({ ...all, judge: () => 'output' })).toEqual({
        next: undefined,
        outputs: 1,
        records: 0,
        damaged: [],
      });
      expect(await store.find(key)).toEqual({ ...before, output: undefined });
      await expect(store.saveAnswer(key, answer({ output: bytes('50') }))).rejects.toMatchObject({
        code: 'REQUEST_CONFLICT',
      });
      const resultSignature = bytes('another');
      expect(await store.saveAnswer(key, answer({ resultSignature }))).toEqual(before);
      expect(await store.find(key)).toEqual(before);
    });

    test('behavior: everything leaves; pages go on where the last one ended', async () => {
      for (const operatorSetId of [1, 2, 3, 4, 5])
        await store.saveAnswer({ ...key, operatorSetId }, answer());
      const removed: number[] = [];
      let after: string | undefined;
      do {
        const judge = ({ operatorSetId }: AnswerKey) => (operatorSetId % 2 === 0 ? 'everything' : 'nothing');
        const page = await store.sweep({ after, limit: 2, judge });
        removed.push(page.records);
        after = page.next;
      } while (after !== undefined);
      expect(removed).toEqual([1, 1, 0]);
      const left = await collect(kept());
      expect(left.map(({ operatorSetId }) => operatorSetId)).toEqual([1, 3, 5]);
    });

    test('behavior: a task that is asked for meanwhile is judged by what it then is', async () => {
      await store.saveAnswer(key, answer());
      const asked = store.saveAnswer(key, answer({ referenceTimestamp: 2_000, deadlineSeconds: 90 }));
      const swept = store.sweep({
        ...all,
        judge: ({ deadlineSeconds }) => (deadlineSeconds === 60 ? 'everything' : 'nothing'),
      });
      await asked;
      expect(await swept).toMatchObject({ outputs: 0, records: 0 });
      expect((await store.find(key))?.signatures.size).toBe(2);
    });
  });

  describe('what another store has signed', () => {
    const outputHash = toHex<Hash32>(keccak256(bytes('49')));
    const task = { ...key, payloadHash, outputHash, createdAtMs: 4_000, deadlineSeconds: 90 };

    test('default: it is kept without its output, and holds against another payload or output', async () => {
      expect(await store.mergeAnswered([task])).toBe(1);
      expect(await collect(kept())).toEqual([{ ...task, isOutputKept: false }]);
      await expect(store.saveAnswer(key, answer({ output: bytes('50') }))).rejects.toMatchObject({
        code: 'REQUEST_CONFLICT',
      });
    });

    test('behavior: of what is known already, the longer time counts; the output stays', async () => {
      const saved = await store.saveAnswer(key, answer());
      expect(await store.mergeAnswered([task])).toBe(0);
      expect(await store.find(key)).toEqual({ ...saved, createdAtMs: 4_000, deadlineSeconds: 90 });
    });

    test.each([
      ['payload', { payloadHash: parseHash32(`0x${'44'.repeat(32)}`) }],
      ['output', { outputHash: parseHash32(`0x${'44'.repeat(32)}`) }],
    ])('error: another %s than the one signed here', async (_name, change) => {
      const saved = await store.saveAnswer(key, answer());
      await expect(store.mergeAnswered([{ ...task, ...change }])).rejects.toMatchObject({
        code: 'REQUEST_CONFLICT',
        facts: key,
      });
      expect(await store.find(key)).toEqual(saved);
    });

    test('error: iteration does not pass over a damaged record', async () => {
      await store.saveAnswer(key, answer());
      for await (const { key: each } of values.scan({ gte: 'answer/', lt: 'answer0' }))
        await values.batch([{ type: 'put', key: each, value: bytes('0123456789') }]);
      await expect(collect(kept())).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    });
  });

  test('behavior: answers outlive a restart', async () => {
    const folder = await temporaryFolder();
    const options = { dir: folder.path, syncWrites: true };
    const before = await openLevelStore(options);
    const saved = await createExecutorStore(before).saveAnswer(key, answer());
    await before.close();
    const after = await openLevelStore(options);
    const found = await createExecutorStore(after).find(key);
    expect({ ...found, output: Uint8Array.from(found?.output ?? []) }).toEqual(saved);
    await after.close();
    await folder.remove();
  });
});
