import { describe, expect, test } from '@jest/globals';
import { parseAddress, parseHex, parseTaskId } from '../../../src/base/brands.js';
import { fromHex, toHex } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { submissionMessage } from '../../../src/protocol/submission.js';
import { readVectors } from '../../support/vectors.js';

interface Vectors {
  readonly cases: readonly {
    readonly input: {
      readonly taskId: string;
      readonly avsAddress: string;
      readonly executorAddress: string;
      readonly operatorSetId: number;
      readonly referenceTimestamp: number;
      readonly taskBlockNumber: string;
      readonly payload: string;
    };
    readonly message224: string;
    readonly digest: string;
  }[];
}

describe('submissionMessage', () => {
  test.each(readVectors<Vectors>('task-submission-digest').cases)(
    'behavior: message and digest of recorded submission $input.taskId',
    ({ input, message224, digest }) => {
      const message = submissionMessage({
        taskId: parseTaskId(input.taskId),
        avs: parseAddress(input.avsAddress),
        executor: parseAddress(input.executorAddress),
        operatorSetId: input.operatorSetId,
        referenceTimestamp: input.referenceTimestamp,
        taskBlockNumber: BigInt(input.taskBlockNumber),
        payload: fromHex(parseHex(input.payload)),
      });
      expect(message).toHaveLength(224);
      expect(toHex(message)).toBe(message224);
      expect(toHex(keccak256(message))).toBe(digest);
    },
  );
});
