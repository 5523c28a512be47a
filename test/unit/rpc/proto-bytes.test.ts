import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseHex } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import {
  TaskResult,
  TaskSubmission,
} from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';

interface Vector {
  readonly binary: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../fixtures/vectors/proto-bytes.json', import.meta.url), 'utf8'),
) as { TaskSubmission: Vector[]; TaskResult: Vector[]; emptyTaskSubmission: string };

const bytesOf = (hex: string) => Buffer.from(fromHex(parseHex(hex)));

/** A decoded message in the vectors' notation: bytes as hex, 64-bit numbers as text. */
function asFields(message: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? String(value) : value,
    ]),
  );
}

describe('messages recorded from the Go node', () => {
  test.each(vectors.TaskSubmission)(
    'default: submission %# decodes and encodes to the same bytes',
    (vector) => {
      const message = TaskSubmission.decode(bytesOf(vector.binary));
      expect(asFields(message)).toEqual(vector.fields);
      expect(toHex(TaskSubmission.encode(message).finish())).toBe(vector.binary);
    },
  );

  test.each(vectors.TaskResult)('default: result %# decodes and encodes to the same bytes', (vector) => {
    const message = TaskResult.decode(bytesOf(vector.binary));
    expect(asFields(message)).toEqual(vector.fields);
    expect(toHex(TaskResult.encode(message).finish())).toBe(vector.binary);
  });

  test('default: a submission of default values is no bytes at all', () => {
    expect(toHex(TaskSubmission.encode(TaskSubmission.fromPartial({})).finish())).toBe(
      vectors.emptyTaskSubmission,
    );
  });
});

describe('range', () => {
  test('behavior: the largest numbers survive', () => {
    const message = TaskSubmission.fromPartial({
      operatorSetId: 0xffff_ffff,
      taskBlockNumber: 0xffff_ffff_ffff_ffffn,
    });
    const bytes = TaskSubmission.encode(message).finish();
    // field 6 as a 5-byte varint, field 9 as a 10-byte one
    expect(toHex(bytes)).toBe('0x30ffffffff0f48ffffffffffffffffff01');
    expect(TaskSubmission.decode(bytes)).toEqual(message);
  });

  test('behavior: fields of a newer peer are skipped', () => {
    const unknownField = Buffer.from('9a06036e6577', 'hex'); // field 99, "new"
    const known = Buffer.from(TaskSubmission.encode(TaskSubmission.fromPartial({ version: 1 })).finish());
    expect(TaskSubmission.decode(Buffer.concat([unknownField, known])).version).toBe(1);
  });

  test('error: cut-off bytes are refused', () => {
    const bytes = bytesOf(vectors.TaskResult[0]?.binary ?? '');
    expect(() => TaskResult.decode(bytes.subarray(0, 40))).toThrow();
  });
});
