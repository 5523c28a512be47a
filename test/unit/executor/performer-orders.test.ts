import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { Secret } from '../../../src/base/secret.js';
import type { PerformerConfig } from '../../../src/config/types.js';
import { earlierPerformer, entryMark, planPerformers } from '../../../src/executor/performer-orders.js';
import type { PerformerOrder } from '../../../src/store/executor-performer-orders.js';
import type { DeploymentState, PerformerStatus } from '../../../src/store/executor-performer-records.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);

const entry = (changes: Partial<PerformerConfig> = {}): PerformerConfig => ({
  avsAddress: AVS,
  processType: 'server',
  deploymentMode: 'docker',
  image: { repository: 'my-avs', tag: 'v1' },
  command: [],
  envs: [{ name: 'KEY', value: new Secret('sesame') }],
  resources: { memory: 1e9, cpus: 1, pids: 64, readOnlyRootfs: false },
  ...changes,
});
const wanted = { image: { repository: 'my-avs', tag: 'v2' }, envs: [] };
const order = (changes: Partial<PerformerOrder>): PerformerOrder => ({ avs: AVS, atMs: 1, ...changes });
const mark = entryMark(entry());
const changed = entry({ image: { repository: 'my-avs', tag: 'v3' } });

describe('planPerformers', () => {
  const asConfigured = {
    run: [{ avs: AVS, config: entry(), wanted: undefined }],
    removed: [],
    overruled: [],
  };
  const nothing = { run: [], removed: [], overruled: [] };

  test.each<[string, PerformerConfig[], PerformerOrder[], object]>([
    ['nothing configured, nothing said', [], [], nothing],
    ['configured', [entry()], [], asConfigured],
    [
      'deployed by a call, never configured',
      [],
      [order({ wanted })],
      { ...nothing, run: [{ avs: AVS, config: undefined, wanted, wantedAtMs: 1 }] },
    ],
    [
      'configured, another one deployed by a call',
      [entry()],
      [order({ wanted, configured: mark })],
      { ...nothing, run: [{ avs: AVS, config: entry(), wanted, wantedAtMs: 1 }] },
    ],
    [
      'configured, removed by a call',
      [entry()],
      [order({ configured: mark })],
      { ...nothing, removed: [AVS] },
    ],
    [
      'deployed by a call, its entry changed later',
      [changed],
      [order({ wanted, configured: mark })],
      {
        run: [{ avs: AVS, config: changed, wanted: undefined }],
        removed: [],
        overruled: [order({ wanted, configured: mark })],
      },
    ],
    [
      'removed by a call, its entry changed later',
      [changed],
      [order({ configured: mark })],
      {
        run: [{ avs: AVS, config: changed, wanted: undefined }],
        removed: [],
        overruled: [order({ configured: mark })],
      },
    ],
    [
      'deployed by a call, its entry taken out later',
      [],
      [order({ wanted, configured: mark })],
      { ...nothing, overruled: [order({ wanted, configured: mark })] },
    ],
    [
      'deployed by a call, an entry made later',
      [entry()],
      [order({ wanted })],
      { ...asConfigured, overruled: [order({ wanted })] },
    ],
  ])('behavior: %s', (_name, configured, orders, expected) => {
    expect(planPerformers(configured, orders)).toEqual(expected);
  });
});

describe('entryMark', () => {
  test.each<[string, Partial<PerformerConfig>]>([
    ['the image', { image: { repository: 'my-avs', tag: 'v2' } }],
    ['the digest', { image: { repository: 'my-avs', tag: 'v1', digest: `sha256:${'a'.repeat(64)}` } }],
    ['the command', { command: ['run'] }],
    ['the deployment mode', { deploymentMode: 'process' }],
    ['a limit', { resources: { memory: 2e9, cpus: 1, pids: 64, readOnlyRootfs: false } }],
    ['the name of a variable', { envs: [{ name: 'OTHER', value: new Secret('sesame') }] }],
    ['where a variable comes from', { envs: [{ name: 'KEY', valueFromEnv: 'THE_KEY' }] }],
  ])('behavior: %s makes another one', (_name, changes) => {
    expect(entryMark(entry(changes))).not.toBe(mark);
  });

  test('behavior: it is the same after a restart, and no value of a variable is guessed from it', () => {
    expect(entryMark(entry())).toBe(mark);
    expect(entryMark(entry({ envs: [{ name: 'KEY', value: new Secret('another') }] }))).toBe(mark);
    expect(entryMark(undefined)).toBeUndefined();
  });
});

describe('earlierPerformer', () => {
  const state = (number: number, status?: PerformerStatus): DeploymentState => ({
    deployment: { id: `d${number}`, avs: AVS, number, command: [], askedAtMs: 1, outcome: 'in-service' },
    performer: status && {
      id: `p${number}`,
      avs: AVS,
      deploymentId: `d${number}`,
      status,
      containerId: `c${number}`,
      endpoint: '127.0.0.1:9',
      isHealthy: true,
      startedAtMs: 1,
    },
  });
  const other = parseAddress(`0x${'0b'.repeat(20)}`);

  test.each<[string, DeploymentState[], string | undefined]>([
    ['nothing ran', [], undefined],
    ['it waited for its engine', [state(1)], undefined],
    ['one in service', [state(1, 'InService')], 'c1'],
    ['one in service, another one staged', [state(1, 'InService'), state(2, 'Staged')], 'c1'],
    [
      'one that was promoted while the former finished its tasks',
      [state(1, 'Draining'), state(2, 'InService')],
      'c2',
    ],
    ['two in service: killed between the two writes', [state(1, 'InService'), state(2, 'InService')], 'c2'],
    ['only a staged one', [state(1, 'Staged')], 'c1'],
    ['only one that finished its tasks', [state(1, 'Draining')], undefined],
  ])('behavior: %s', (_name, unfinished, containerId) => {
    expect(earlierPerformer(AVS, unfinished)?.instance.containerId).toBe(containerId);
    expect(earlierPerformer(other, unfinished)).toBeUndefined();
  });

  test('behavior: a staged one whose order was kept already goes before the one in service', () => {
    // Asked for at 1: killed between the write of its order and that of its service.
    const unfinished = [state(1, 'InService'), state(2, 'Staged')];
    expect(earlierPerformer(AVS, unfinished, 2)?.instance.containerId).toBe('c2');
    // The order is that of the one in service.
    expect(earlierPerformer(AVS, unfinished, 1)?.instance.containerId).toBe('c1');
    expect(earlierPerformer(AVS, [state(1, 'InService')], 2)?.instance.containerId).toBe('c1');
  });
});
