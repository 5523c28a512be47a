import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { WriteOperation } from '../../../src/store/key-value-store.js';
import {
  advanceLedger,
  decodeLedger,
  EMPTY_LEDGER,
  EMPTY_TALLY,
  LEDGER_KEY,
  type Ledger,
  ledgerOperation,
  namespaceOf,
  withRecord,
} from '../../../src/store/ledger.js';
import { encodeRecord } from '../../../src/store/record-codec.js';

const record = (key: string, text: string) => encodeRecord(key, new TextEncoder().encode(text));
const put = (key: string, text: string): WriteOperation => ({ type: 'put', key, value: record(key, text) });
const remove = (key: string): WriteOperation => ({ type: 'delete', key });

/** What a count of everything says. */
function recount(values: ReadonlyMap<string, Uint8Array>) {
  const tallies = new Map<string, ReturnType<typeof withRecord>>();
  for (const [key, value] of values) {
    tallies.set(namespaceOf(key), withRecord(tallies.get(namespaceOf(key)) ?? EMPTY_TALLY, value));
  }
  return tallies;
}

describe('namespaceOf', () => {
  test.each([
    ['task/1/2/', 'task'],
    ['block-task/1/', 'block-task'],
    ['schema/', 'schema'],
    ['none', 'none'],
    ['', ''],
  ])('behavior: of %j it is %j', (key, namespace) => {
    expect(namespaceOf(key)).toBe(namespace);
  });
});

describe('advanceLedger', () => {
  test('default: counts records of each namespace, and batches', () => {
    const ledger = advanceLedger(
      EMPTY_LEDGER,
      [put('a/1/', 'x'), put('a/2/', 'y'), put('b/1/', 'z')],
      new Map(),
    );
    expect(ledger.sequence).toBe(1);
    expect([...ledger.namespaces].map(([name, { records }]) => [name, records])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  test('behavior: an overwritten record changes the digest and not the number', () => {
    const first = advanceLedger(EMPTY_LEDGER, [put('a/1/', 'x')], new Map());
    const second = advanceLedger(first, [put('a/1/', 'y')], new Map([['a/1/', record('a/1/', 'x')]]));
    expect(second.namespaces.get('a')?.records).toBe(1);
    expect(second.namespaces.get('a')?.digest).not.toBe(first.namespaces.get('a')?.digest);
  });

  test('behavior: a namespace without records is not in it', () => {
    const first = advanceLedger(EMPTY_LEDGER, [put('a/1/', 'x'), remove('a/1/')], new Map());
    expect(first.namespaces.size).toBe(0);
  });

  test('behavior: after any batches it says what a count of all records says', () => {
    const key = fc.constantFrom('a/1/', 'a/2/', 'b/', 'b/1/', 'c/');
    const operation = fc.oneof(
      fc.tuple(key, fc.string({ maxLength: 3 })).map(([k, v]) => put(k, v)),
      key.map(remove),
    );
    fc.assert(
      fc.property(fc.array(fc.array(operation, { maxLength: 5 }), { maxLength: 8 }), (batches) => {
        const values = new Map<string, Uint8Array>();
        let ledger: Ledger = EMPTY_LEDGER;
        for (const batch of batches) {
          ledger = advanceLedger(ledger, batch, values);
          for (const each of batch) {
            if (each.type === 'put') values.set(each.key, each.value);
            else values.delete(each.key);
          }
        }
        expect(new Map([...ledger.namespaces].sort())).toEqual(new Map([...recount(values)].sort()));
        expect(ledger.sequence).toBe(batches.length);
      }),
    );
  });
});

describe('decodeLedger', () => {
  test('default: gives back what was encoded', () => {
    const ledger = advanceLedger(EMPTY_LEDGER, [put('a/1/', 'x'), put('b/1/', 'z')], new Map());
    const operation = ledgerOperation(ledger);
    expect(operation.key).toBe(LEDGER_KEY);
    expect(decodeLedger(operation.type === 'put' ? operation.value : new Uint8Array())).toEqual(ledger);
  });
});
