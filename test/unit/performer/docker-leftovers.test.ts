import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import Docker from 'dockerode';
import { createLeftovers, removeContainer } from '../../../src/performer/docker-leftovers.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const busy = () => Object.assign(new Error('device or resource busy'), { statusCode: 500 });
const gone = () => new Error('connect ECONNREFUSED');

/** @param answers to the attempts, one after the other; when there are none left, they succeed */
function leftoversWith(answers: (Error | Promise<void>)[]) {
  const clock = manualClock();
  const lines: LogLine[] = [];
  const attempts: number[] = [];
  const leftovers = createLeftovers({
    async remove() {
      attempts.push(clock.monotonicMs());
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      await answer;
    },
    clock,
    logger: recordingLogger(lines),
  });
  return {
    leftovers,
    clock,
    attempts,
    said: () => lines.map(({ level, message }) => `${level}: ${message}`),
  };
}

const NOT_NOW = 'warn: a container of a performer cannot be removed now; it is tried again';
const DONE = 'info: the container that could not be removed is gone';
const LEFT = 'error: a container of a performer is left behind; the next start of this node removes it';

describe('containers that are of no more use', () => {
  test('default: one is removed with one request, and nothing is said', async () => {
    const { leftovers, attempts, said } = leftoversWith([]);
    await leftovers.discard('a');
    await leftovers.close([]);
    expect(attempts).toHaveLength(1);
    expect(said()).toEqual([]);
  });

  test('behavior: one that cannot be removed is tried at growing intervals until it is gone; that is told twice', async () => {
    const { leftovers, clock, attempts, said } = leftoversWith([...Array(8)].map(busy));
    await leftovers.discard('a');
    expect(said()).toEqual([NOT_NOW]);
    await clock.advance(300_000);
    expect(attempts.map((atMs) => atMs / 1_000)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    expect(said()).toEqual([NOT_NOW, DONE]);
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: when the engine is back, one is not waited for', async () => {
    const { leftovers, attempts, said } = leftoversWith([gone()]);
    await leftovers.discard('a');
    await leftovers.retry();
    expect(attempts).toEqual([0, 0]);
    expect(said()).toEqual([NOT_NOW, DONE]);
    await leftovers.close([]);
  });

  test('behavior: whoever asks for what is under way waits for its outcome', async () => {
    let done: () => void = () => undefined;
    const removal = new Promise<void>((resolve) => {
      done = resolve;
    });
    const { leftovers, attempts } = leftoversWith([removal]);
    let isGone = false;
    const both = Promise.all([leftovers.discard('a'), leftovers.discard('a')]).then(() => {
      isGone = true;
    });
    await settle();
    expect({ attempts: attempts.length, isGone }).toEqual({ attempts: 1, isGone: false });
    done();
    await both;
  });

  test('behavior: closed, it goes on while the engine answers, and leaves nothing', async () => {
    const { leftovers, clock, attempts, said } = leftoversWith([busy(), busy(), busy()]);
    await leftovers.discard('a');
    const closed = leftovers.close(['b']);
    await clock.advance(10_000);
    await closed;
    // One of the three that failed was the other's.
    expect(attempts.map((atMs) => atMs)).toEqual([0, 0, 0, 200, 200]);
    expect(said()).toEqual([NOT_NOW, DONE, DONE]);
  });

  test('error: closed while the engine is gone, it names what is left and waits for nothing', async () => {
    const { leftovers, clock, attempts, said } = leftoversWith([gone(), gone()]);
    await leftovers.discard('a');
    await leftovers.close([]);
    expect(attempts).toEqual([0, 0]);
    expect(said()).toEqual([NOT_NOW, LEFT]);
    expect(clock.sleepers).toBe(0);
  });

  test('error: an engine that never removes it does not keep the node from ending', async () => {
    const { leftovers, clock, attempts, said } = leftoversWith([...Array(20)].map(busy));
    const closed = leftovers.close(['a']);
    await clock.advance(60_000);
    await closed;
    expect(attempts).toHaveLength(6);
    expect(said()).toEqual([LEFT]);
  });
});

describe('removing a container', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  /** An engine that answers with these statuses, one after the other. */
  async function engineOf(...statuses: number[]) {
    const folder = await temporaryFolder();
    const requests: string[] = [];
    const server = http.createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(statuses.shift() ?? 599, { 'content-type': 'application/json' }).end('{}');
    });
    const socketPath = path.join(folder.path, 'd.sock');
    server.listen(socketPath);
    await once(server, 'listening');
    closers.push(async () => {
      server.close();
      server.closeAllConnections();
      await folder.remove();
    });
    return { docker: new Docker({ socketPath }), requests };
  }

  const REMOVE = 'DELETE /containers/a?force=true&v=true';
  const WAIT = expect.stringMatching(/^POST \/containers\/a\/wait\?condition=removed/);

  test.each([
    ['is gone at once', [204], [REMOVE]],
    ['is not there', [404], [REMOVE]],
    ['is about to be removed, and gone then', [409, 200, 404], [REMOVE, WAIT, REMOVE]],
    ['is gone before anybody can wait for it', [409, 404, 404], [REMOVE, WAIT, REMOVE]],
    ['could not be removed by whoever was about to', [409, 200, 204], [REMOVE, WAIT, REMOVE]],
  ])('behavior: one that %s', async (_name, statuses, expected) => {
    const { docker, requests } = await engineOf(...statuses);
    await removeContainer(docker, 'a');
    expect(requests).toEqual(expected);
  });

  test.each([
    ['the engine fails', [500], 500],
    ['it cannot be ended', [409, 200, 409], 409],
  ])('error: it is not taken as gone when %s', async (_name, statuses, statusCode) => {
    const { docker } = await engineOf(...statuses);
    await expect(removeContainer(docker, 'a')).rejects.toMatchObject({ statusCode });
  });
});
