import { expect, test } from '@jest/globals';
import { chainId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { Endpoint } from '../../../src/chain/endpoint.js';
import { EndpointRoster } from '../../../src/chain/endpoint-roster.js';
import { manualClock } from '../../support/manual-clock.js';

test.each([3_600_000, -3_600_000])(
  'behavior: a date that is set by %i ms neither ends nor prolongs the rest of an endpoint',
  async (stepMs) => {
    const clock = manualClock();
    const common = { chainId: chainId(1), chainName: 'L1', requestTimeoutMs: 1_000, clock };
    const endpoint = new Endpoint({ ...common, url: 'http://127.0.0.1:1' });
    const roster = new EndpointRoster([endpoint], clock, silentLogger);
    const [entry] = roster.all;
    if (entry === undefined) throw new Error('no endpoint');
    const retryAfter = new Date(clock.nowMs() + 20_000).toUTCString();
    roster.failed(entry, new PonosError('CHAIN_RATE_LIMITED', { message: 'slowly', facts: { retryAfter } }));
    clock.step(stepMs);
    expect([roster.restMs(), roster.order()]).toEqual([20_000, []]);
    await clock.advance(19_999);
    expect(roster.order()).toEqual([]);
    await clock.advance(1);
    expect(roster.order()).toEqual([entry]);
    await endpoint.close();
  },
);
