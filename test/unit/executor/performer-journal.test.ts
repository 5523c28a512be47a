import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { type LogFields, type Logger, silentLogger } from '../../../src/base/logger.js';
import { openPerformerJournal } from '../../../src/executor/performer-journal.js';
import type { PerformerEvent } from '../../../src/performer/performer-events.js';
import { createPerformerStore } from '../../../src/store/executor-performers.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';

const avs = parseAddress(`0x${'0a'.repeat(20)}`);

function collectingLogger(): { logger: Logger; lines: [string, string, LogFields?][] } {
  const lines: [string, string, LogFields?][] = [];
  const log = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, fields]);
  return { logger: { ...silentLogger, info: log('info'), warn: log('warn'), error: log('error') }, lines };
}

/** A journal on a store that fails when it is told to. */
async function world(values = createMemoryStore()) {
  const { logger, lines } = collectingLogger();
  const state = { failure: undefined as PonosError | undefined, writes: 0 };
  const store = createPerformerStore(values);
  const journal = await openPerformerJournal({
    store: {
      ...store,
      save(states) {
        state.writes += 1;
        return state.failure === undefined ? store.save(states) : Promise.reject(state.failure);
      },
    },
    logger,
  });
  return { values, store, state, lines, journal };
}

const deploymentOf = (id: string) => ({ id, avs, image: undefined, command: ['run'] });
const asked = (id: string): PerformerEvent => ({ type: 'asked', deployment: deploymentOf(id), atMs: 1 });
const started = (id: string): PerformerEvent => ({
  type: 'started',
  deployment: deploymentOf(id),
  atMs: 2,
  instance: { id: `process-${id}`, endpoint: '127.0.0.1:9' },
});
const promoted = (id: string): PerformerEvent => ({
  type: 'promoted',
  deployment: deploymentOf(id),
  atMs: 3,
});
const ended = (id: string): PerformerEvent => ({
  type: 'ended',
  deployment: deploymentOf(id),
  outcome: 'failed',
  reason: 'exited with code 1',
  lastLines: [],
  atMs: 4,
});

const full = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });

describe('the journal of the performers', () => {
  test('default: every deployment has the next number of its AVS, also after a restart', async () => {
    const first = await world();
    for (const event of [asked('a'), started('a'), ended('a'), asked('b'), started('b'), promoted('b')])
      first.journal.listener(event);
    await first.journal.written();
    expect(await first.store.deployments()).toMatchObject([
      { id: 'a', number: 1, outcome: 'failed', endedAtMs: 4 },
      { id: 'b', number: 2, outcome: 'in-service', servingFromMs: 3 },
    ]);
    expect(await first.store.performers()).toMatchObject([{ id: 'process-b', status: 'InService' }]);

    const second = await world(first.values);
    await second.journal.endEarlierRun();
    expect(second.lines).toEqual([
      [
        'warn',
        expect.stringContaining('interrupted'),
        expect.objectContaining({ avs, performer: 'process-b' }),
      ],
    ]);
    second.journal.listener(asked('c'));
    await second.journal.written();
    expect(await second.store.deployments()).toMatchObject([
      { id: 'a', outcome: 'failed' },
      { id: 'b', outcome: 'interrupted' },
      { id: 'c', number: 3, outcome: 'deploying' },
    ]);
  });

  test('behavior: a deployment of the killed run that is adopted goes on under its number', async () => {
    const first = await world();
    for (const event of [asked('a'), started('a'), promoted('a')]) first.journal.listener(event);
    await first.journal.written();

    const second = await world(first.values);
    expect(second.journal.unfinished).toMatchObject([
      { deployment: { id: 'a' }, performer: { id: 'process-a' } },
    ]);
    const instance = { id: 'process-a', endpoint: '127.0.0.1:10' };
    second.journal.listener({ type: 'adopted', deployment: deploymentOf('a'), atMs: 9, instance });
    await second.journal.endEarlierRun();
    expect(second.lines).toEqual([]);
    expect(await second.store.deployments()).toMatchObject([
      { id: 'a', number: 1, outcome: 'in-service', servingFromMs: 3, adoptedAtMs: 9 },
    ]);
    expect(await second.store.performers()).toMatchObject([
      { id: 'process-a', status: 'InService', startedAtMs: 2, checkedAtMs: 9, endpoint: '127.0.0.1:10' },
    ]);
    second.journal.listener(ended('a'));
    second.journal.listener(asked('b'));
    await second.journal.written();
    expect(await second.store.deployments()).toMatchObject([
      { id: 'a', outcome: 'failed', adoptedAtMs: 9 },
      { id: 'b', number: 2 },
    ]);
    expect(await second.store.performers()).toEqual([]);
  });

  test('behavior: checks that bring nothing new are not written', async () => {
    const { journal, state } = await world();
    for (const event of [asked('a'), started('a'), promoted('a')]) journal.listener(event);
    await journal.written();
    const before = state.writes;
    for (let n = 0; n < 10; n += 1)
      journal.listener({ type: 'checked', deployment: deploymentOf('a'), isHealthy: true, atMs: 10 + n });
    await journal.written();
    expect(state.writes).toBe(before);
  });

  test('error: a store that fails is told once, and gets everything when it works again', async () => {
    const { journal, state, lines, store } = await world();
    state.failure = full;
    for (const event of [asked('a'), started('a'), ended('a'), asked('b'), started('b')])
      journal.listener(event);
    await journal.written();
    expect(lines).toEqual([['warn', expect.stringContaining('cannot be written down'), { error: full }]]);
    expect(await store.deployments()).toEqual([]);

    state.failure = undefined;
    journal.listener(promoted('b'));
    await journal.written();
    expect(await store.deployments()).toMatchObject([
      { id: 'a', number: 1, outcome: 'failed' },
      { id: 'b', number: 2, outcome: 'in-service' },
    ]);
    expect(await store.performers()).toMatchObject([{ id: 'process-b' }]);
    expect(lines.at(-1)).toEqual(['info', expect.stringContaining('written down again'), undefined]);
    expect(lines).toHaveLength(2);
  });

  test('error: anything else that a write fails with is an error in the log, not a rejection', async () => {
    const { journal, state, lines } = await world();
    state.failure = new PonosError('INTERNAL', { message: 'odd' });
    journal.listener(asked('a'));
    await expect(journal.written()).resolves.toBeUndefined();
    expect(lines).toMatchObject([['error', expect.any(String), { error: state.failure }]]);
  });
});
