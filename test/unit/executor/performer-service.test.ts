import { describe, expect, test } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { type Address, parseAddress } from '../../../src/base/brands.js';
import { createPerformerService } from '../../../src/executor/performer-service.js';
import { OutputLog } from '../../../src/performer/output-log.js';
import { createManagementGuard } from '../../../src/rpc/auth/management-guard.js';
import { LogsRequest } from '../../../src/rpc/generated/ponos/v1/performers.js';
import type { DeploymentRecord } from '../../../src/store/executor-performer-records.js';
import { manualClock } from '../../support/manual-clock.js';

const AVS: Address = parseAddress(`0x${'a1'.repeat(20)}`);

const GONE: DeploymentRecord = {
  id: '1',
  avs: AVS,
  number: 1,
  command: [],
  askedAtMs: 0,
  outcome: 'removed',
  performerId: 'gone',
};

function world() {
  const output = new OutputLog();
  const service = createPerformerService({
    guard: createManagementGuard({
      authentication: { enabled: undefined, bindRequest: false },
      operator: AVS,
      verify: () => false,
      foreignOperator: 'REQUEST_DENIED',
      clock: manualClock(),
    }),
    deployments: { start: () => Promise.reject(new Error('nothing is deployed here')) },
    output,
    storedDeployments: async () => [GONE],
  });
  const hangUp = new AbortController();
  const context = { peer: '127.0.0.1:1', signal: hangUp.signal } as CallContext;
  const print = (line: string) => output.write({ avs: AVS, performer: 'p', atMs: 1, line });
  return { service, hangUp, context, print };
}

describe('logs', () => {
  test.each([100, 0])(
    'behavior: what is printed while the call begins is told once, with the last %s lines before',
    async (tail) => {
      const { service, hangUp, context, print } = world();
      print('before');
      const told = service.logs(LogsRequest.create({ tail, follow: true }), context)[Symbol.asyncIterator]();
      expect((await told.next()).value).toEqual({});
      print('meanwhile');
      const expected = tail === 0 ? ['meanwhile', 'after'] : ['before', 'meanwhile', 'after'];
      const lines: unknown[] = [];
      while (lines.length < expected.length) {
        if (lines.length === expected.length - 1) print('after');
        lines.push((await told.next()).value?.line);
      }
      hangUp.abort();
      expect(lines).toEqual(expected);
      await expect(told.next()).rejects.toMatchObject({ code: 'ABORTED' });
    },
  );

  test.each([false, true])('error: an id that nobody had, followed: %s', async (follow) => {
    const { service, context } = world();
    const told = service.logs(LogsRequest.create({ performerId: 'x', follow }), context);
    await expect(told[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'PERFORMER_MISSING',
      facts: { performer: 'x' },
    });
  });

  test.each([
    ['gone', undefined],
    ['p', 'words'],
  ])('behavior: %s, in the history or in the log, is known', async (performerId, line) => {
    const { service, context, print } = world();
    print('words');
    const told = service.logs(LogsRequest.create({ performerId, tail: 5 }), context);
    expect((await told[Symbol.asyncIterator]().next()).value?.line).toBe(line);
  });
});
