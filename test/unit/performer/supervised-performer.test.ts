import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import type { ErrorCode } from '../../../src/base/error-codes.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { PerformerEvent } from '../../../src/performer/performer-events.js';
import { supervisePerformer } from '../../../src/performer/supervised-performer.js';
import { manualClock } from '../../support/manual-clock.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const TEN_MINUTES_MS = 600_000;

/** A performer whose every deployment fails. */
function failing(code: ErrorCode) {
  const clock = manualClock();
  const state = { deployments: 0 };
  const events: PerformerEvent[] = [];
  const performer = supervisePerformer({
    spec: {
      avs: AVS,
      command: [],
      env: new Map(),
      resources: { memoryBytes: 1, cpus: 1, pids: 1, readOnlyRootfs: false },
    },
    runtime: {
      deploy: async () => {
        state.deployments += 1;
        throw new PonosError(code, { message: 'not now' });
      },
      adopt: async () => undefined,
      removeOrphans: async () => undefined,
      close: async () => undefined,
    },
    maxOutputBytes: 1,
    listener: (event) => void events.push(event),
    clock,
    logger: silentLogger,
  });
  return { clock, state, events, performer };
}

describe('supervisePerformer', () => {
  test('default: a performer that cannot be started is given up after five restarts', async () => {
    const { clock, state, events, performer } = failing('PERFORMER_UNAVAILABLE');
    await expect(performer.firstDeployment).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await clock.advance(TEN_MINUTES_MS);
    expect(state.deployments).toBe(6);
    await performer.close(0);
    expect(events.map(({ type }) => type)).toEqual(Array(6).fill(['asked', 'ended']).flat());
    expect(new Set(events.map(({ deployment }) => deployment.id)).size).toBe(6);
    expect(events.at(-1)).toMatchObject({ outcome: 'failed', reason: 'not now', lastLines: [] });
  });

  test('behavior: an engine that is gone is asked until it is back, however long it takes', async () => {
    const { clock, state, performer } = failing('DOCKER_UNAVAILABLE');
    await clock.advance(TEN_MINUTES_MS);
    const before = state.deployments;
    expect(before).toBeGreaterThan(20);
    await clock.advance(TEN_MINUTES_MS);
    expect(state.deployments).toBeGreaterThan(before + 20);
    expect(performer.state).toMatchObject({ inService: false, reason: 'not now' });
    await performer.close(0);
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: for an engine that is gone one deployment waits, until it is stopped', async () => {
    const { clock, state, events, performer } = failing('DOCKER_UNAVAILABLE');
    await clock.advance(TEN_MINUTES_MS);
    expect(new Set(events.map(({ deployment }) => deployment.id)).size).toBe(1);
    expect(events.map(({ type }) => type)).toEqual(['asked', ...Array(state.deployments).fill('waiting')]);
    await performer.close(0);
    expect(events.at(-1)).toMatchObject({ type: 'ended', outcome: 'removed', reason: 'the node stopped' });
  });
});
