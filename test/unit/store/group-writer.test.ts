import { describe, expect, test } from '@jest/globals';
import { createGroupWriter } from '../../../src/store/group-writer.js';
import type { WriteOperation } from '../../../src/store/key-value-store.js';
import { settle } from '../../support/manual-clock.js';

const put = (key: string): WriteOperation[] => [{ type: 'put', key, value: Uint8Array.of(1) }];

function world() {
  const log: string[] = [];
  const writes: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const state: { renewalFailure: Error | undefined } = { renewalFailure: undefined };
  const writer = createGroupWriter({
    write: (operations) => {
      log.push(operations.map(({ key }) => key).join('+'));
      return new Promise((resolve, reject) => writes.push({ resolve, reject }));
    },
    renew: async () => {
      log.push('renew');
      if (state.renewalFailure) throw state.renewalFailure;
    },
  });
  return { log, writes, state, writer };
}

describe('createGroupWriter', () => {
  test('default: one write at a time; what comes meanwhile is written together, in its order', async () => {
    const { log, writes, writer } = world();
    const first = writer.write(put('a'));
    await settle();
    const others = ['b', 'c', 'd'].map((key) => writer.write(put(key)));
    await settle();
    expect(log).toEqual(['a']);
    writes[0]?.resolve();
    await first;
    await settle();
    expect(log).toEqual(['a', 'b+c+d']);
    writes[1]?.resolve();
    await Promise.all(others);
    await writer.idle();
  });

  test('error: nothing is written behind a failed write before the database was opened anew', async () => {
    const { log, writes, writer } = world();
    const first = expect(writer.write(put('a'))).rejects.toThrow('disk full');
    await settle();
    const second = writer.write(put('b'));
    writes[0]?.reject(new Error('disk full'));
    await first;
    await settle();
    expect(log).toEqual(['a', 'renew', 'b']);
    writes[1]?.resolve();
    await second;
    void writer.write(put('c'));
    await settle();
    expect(log).toEqual(['a', 'renew', 'b', 'c']);
  });

  test('error: while it cannot be opened anew, every write fails and tries it again', async () => {
    const { log, writes, state, writer } = world();
    const first = writer.write(put('a')).catch(() => undefined);
    await settle();
    writes[0]?.reject(new Error('disk full'));
    await first;
    state.renewalFailure = new Error('still full');
    await expect(writer.write(put('b'))).rejects.toThrow('still full');
    state.renewalFailure = undefined;
    const third = writer.write(put('c'));
    await settle();
    expect(log).toEqual(['a', 'renew', 'renew', 'c']);
    writes[1]?.resolve();
    await third;
  });
});
