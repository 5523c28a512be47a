import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { advanceDeployment, beginDeployment } from '../../../src/executor/performer-history.js';
import type { PerformerEvent } from '../../../src/performer/performer-events.js';
import type { DeploymentState } from '../../../src/store/executor-performer-records.js';

const avs = parseAddress(`0x${'0a'.repeat(20)}`);
const image = { repository: 'my-avs', tag: 'v1' };
const asked: PerformerEvent = {
  type: 'asked',
  deployment: { id: 'd1', avs, image, command: ['run'] },
  atMs: 1_000,
};
const { deployment } = asked;
const container = { id: 'c1', imageId: 'sha256:a1' };
const started: PerformerEvent = {
  type: 'started',
  deployment,
  atMs: 2_000,
  instance: { id: 'avs-performer-1', endpoint: '127.0.0.1:9', container },
};
const promoted: PerformerEvent = { type: 'promoted', deployment, atMs: 3_000 };
const checked = (isHealthy: boolean, atMs: number): PerformerEvent => ({
  type: 'checked',
  deployment,
  isHealthy,
  atMs,
});
const waiting: PerformerEvent = { type: 'waiting', deployment, reason: 'no engine', atMs: 1_500 };
const adopted: PerformerEvent = {
  type: 'adopted',
  deployment,
  atMs: 5_000,
  instance: { id: 'avs-performer-1', endpoint: '127.0.0.1:9', container },
};
const ended: PerformerEvent = {
  type: 'ended',
  deployment,
  outcome: 'failed',
  reason: 'ran out of memory',
  lastLines: ['too much'],
  atMs: 9_000,
};

const history = (...events: readonly PerformerEvent[]): DeploymentState =>
  events.reduce(advanceDeployment, beginDeployment(asked, 7));

const begun = { id: 'd1', avs, image, command: ['run'], number: 7, askedAtMs: 1_000, outcome: 'deploying' };
const staged = {
  id: 'avs-performer-1',
  avs,
  deploymentId: 'd1',
  status: 'Staged',
  image,
  containerId: 'c1',
  imageId: 'sha256:a1',
  endpoint: '127.0.0.1:9',
  isHealthy: false,
  startedAtMs: 2_000,
};
const inService = { ...staged, status: 'InService', isHealthy: true, checkedAtMs: 3_000 };
const serving = { ...begun, performerId: 'avs-performer-1', outcome: 'in-service', servingFromMs: 3_000 };
const over = { outcome: 'failed', reason: 'ran out of memory', lastLines: ['too much'], endedAtMs: 9_000 };

describe('a deployment', () => {
  test.each<[string, PerformerEvent[], object, object | undefined]>([
    ['asked for', [], begun, undefined],
    ['waiting for its engine', [waiting], { ...begun, reason: 'no engine' }, undefined],
    ['started', [started], { ...begun, performerId: 'avs-performer-1' }, staged],
    ['started after a wait', [waiting, started], { ...begun, performerId: 'avs-performer-1' }, staged],
    ['in service', [started, promoted], serving, inService],
    [
      'unhealthy',
      [started, promoted, checked(false, 4_000)],
      serving,
      { ...inService, isHealthy: false, checkedAtMs: 4_000 },
    ],
    [
      'out of sight with its engine',
      [started, promoted, waiting],
      { ...serving, reason: 'no engine' },
      { ...inService, isHealthy: false },
    ],
    [
      'adopted when its engine is back',
      [started, promoted, waiting, adopted],
      { ...serving, adoptedAtMs: 5_000 },
      { ...inService, checkedAtMs: 5_000 },
    ],
    [
      'replaced, and finishing its tasks',
      [started, promoted, { type: 'draining', deployment, atMs: 4_000 }],
      serving,
      { ...inService, status: 'Draining' },
    ],
    ['lost while it served', [started, promoted, ended], { ...serving, ...over }, undefined],
    [
      'failed before it served',
      [started, ended],
      { ...begun, performerId: 'avs-performer-1', ...over },
      undefined,
    ],
    ['failed before it ran', [ended], { ...begun, ...over }, undefined],
    [
      'stopped',
      [started, promoted, { ...ended, outcome: 'removed', reason: 'the node stopped' }],
      { ...serving, ...over, outcome: 'removed', reason: 'the node stopped' },
      undefined,
    ],
  ])('behavior: %s', (_name, events, expectedDeployment, expectedPerformer) => {
    expect(history(...events)).toEqual({ deployment: expectedDeployment, performer: expectedPerformer });
  });

  test('behavior: a process has neither image nor container', () => {
    const process = { ...deployment, image: undefined };
    const instance = { id: 'process-1', endpoint: '127.0.0.1:9' };
    const state = advanceDeployment(beginDeployment({ ...asked, deployment: process }, 1), {
      ...started,
      deployment: process,
      instance,
    });
    for (const name of ['image', 'containerId', 'imageId']) {
      expect(state.performer).not.toHaveProperty(name);
      expect(state.deployment).not.toHaveProperty(name);
    }
  });

  test('behavior: that all is still well is noted once a minute, a change at once', () => {
    const before = history(started, promoted);
    expect(advanceDeployment(before, checked(true, 62_999))).toBe(before);
    expect(advanceDeployment(before, checked(true, 63_000)).performer?.checkedAtMs).toBe(63_000);
    const sick = advanceDeployment(before, checked(false, 4_000));
    expect(sick.performer).toMatchObject({ isHealthy: false, checkedAtMs: 4_000 });
    expect(advanceDeployment(sick, checked(false, 5_000))).toBe(sick);
    expect(advanceDeployment(sick, checked(true, 5_000)).performer?.isHealthy).toBe(true);
  });

  test('behavior: the same wait is noted once', () => {
    const before = history(waiting);
    expect(advanceDeployment(before, { ...waiting, atMs: 9_999 })).toBe(before);
  });
});
