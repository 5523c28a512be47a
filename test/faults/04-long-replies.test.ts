/** Threat 4: a reply that is too long in any way is cut off before it is held. Counted are the bytes read from sockets. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { classifyFailure } from '../../src/aggregator/distribute.js';
import { createChannelPool } from '../../src/rpc/channel-pool.js';
import { BN254_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';
import { dialledSockets } from '../support/dialled-sockets.js';
import { type HostileExecutor, hostileExecutor, type Misbehaviour } from '../support/hostile-executor.js';
import { untilTrue } from '../support/until.js';

const LIMIT_BYTES = 4 * 1024 * 1024;
const closers: (() => Promise<void> | void)[] = [];
const dialled = dialledSockets();
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
// After the hooks above: what took an executor's port is gone before everybody listens again.
const stage = aggregatorStage();

async function hostile(behave: HostileExecutor['behave'], port = 0): Promise<HostileExecutor> {
  const executor = await hostileExecutor(port);
  executor.behave = behave;
  closers.push(() => executor.close());
  return executor;
}

const readFrom = ({ port }: HostileExecutor) =>
  dialled(port).reduce((sum, { bytesRead }) => sum + bytesRead, 0);

/** Whether the failure is for good; whatever is not comes again, at most every five seconds. */
const ENDS: readonly (readonly [Misbehaviour, RegExp, boolean])[] = [
  ['long reply', /^RESOURCE_EXHAUSTED: Received message larger than max \(268435456 vs 2097152\)/, true],
  [
    'gzip bomb',
    /^RESOURCE_EXHAUSTED: Received message that decompresses to a size larger than 2097152/,
    true,
  ],
  ['unnamed packing', /^the reply cannot be read/, true],
  ['endless headers', /^(INTERNAL|UNAVAILABLE|RESOURCE_EXHAUSTED): /, false],
  ['endless trailers', /^(INTERNAL|UNAVAILABLE|RESOURCE_EXHAUSTED): /, false],
  ['cut off', /^(INTERNAL|UNAVAILABLE): /, false],
];
/** What looks like an answer that takes its time ends with the task; meanwhile only so much is read. */
const LASTS: readonly Misbehaviour[] = ['trickle', 'many replies', 'endless early hints', 'garbage'];

describe('threat 4, a call', () => {
  test.each(ENDS)('error: %s ends it, after less than 4 MiB', async (misbehaviour, reason, final) => {
    const executor = await hostile(() => misbehaviour);
    const pool = createChannelPool();
    closers.push(() => pool.close());
    let read = 0;
    const failure = await pool
      .executor(`127.0.0.1:${executor.port}`)
      .submitTask({})
      .then(
        () => undefined,
        (error: unknown) => {
          read = readFrom(executor);
          return classifyFailure(error);
        },
      );
    expect(failure).toEqual({ reason: expect.stringMatching(reason), final });
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(LIMIT_BYTES);
  });

  test.each(LASTS)(
    'behavior: %s lasts until the caller ends it, and leaves no connection',
    async (misbehaviour) => {
      const executor = await hostile(() => misbehaviour);
      const pool = createChannelPool();
      closers.push(() => pool.close());
      const task = new AbortController();
      const call = pool.executor(`127.0.0.1:${executor.port}`).submitTask({}, { signal: task.signal });
      const ended = expect(call).rejects.toMatchObject({ name: 'AbortError' });
      await untilTrue(() => executor.calls.length === 1 && executor.sentBytes > 1_000);
      const [socket] = dialled(executor.port);
      expect(readFrom(executor)).toBeLessThan(LIMIT_BYTES);
      task.abort();
      await ended;
      pool.close();
      expect(socket?.destroyed).toBe(true);
      await untilTrue(() => executor.openSockets === 0);
    },
  );
});

/** They take the connection along, with the calls of all tasks; those ask again. */
const BREAKS: readonly Misbehaviour[] = ['endless headers', 'endless trailers', 'cut off'];
const REFUSALS = ENDS.filter(([, , final]) => final);
/** The last is the one after which nobody is heard any more on the connection. */
const LASTING: readonly Misbehaviour[] = ['silence', ...LASTS];

test('threat 4, behavior: whatever one executor sends in place of its replies, the others certify every task', async () => {
  const { world } = stage;
  const bad = stage.executor(3);
  const port = Number(world.state.executors[3]?.socket.split(':')[1]);
  await bad.close();
  const left = [...BREAKS, ...REFUSALS.map(([kind]) => kind)];
  let brokenSockets = 0;
  let done = 0;
  const isComplete = () => done === BREAKS.length + REFUSALS.length + LASTING.length;
  // Of all tasks at once: a connection that is about to break gets nothing else, so that no misdeed is lost with it.
  const executor = await hostile(() => {
    if (executor.socketsEver === brokenSockets) return 'silence';
    const next = left.shift();
    if (next === undefined) return 'silence';
    done += 1;
    if (BREAKS.includes(next)) brokenSockets = executor.socketsEver;
    return next;
  }, port);
  for (const index of [0, 1, 2]) {
    const good = stage.executor(index);
    good.answer = async (submission) => {
      // Until the last misdeed is done.
      await untilTrue(() => isComplete());
      return good.honest(submission);
    };
  }
  await stage.start();
  const refused = await world.createTasks(
    L1,
    BN254_SET,
    REFUSALS.map(([kind]) => kind),
  );
  for (const [, reason] of REFUSALS) {
    await world.logged(
      ({ message, fields }) =>
        message === 'an executor refuses the task' && reason.test(String(fields.reason)),
    );
  }
  left.push(...LASTING);
  const lasting = await world.createTasks(L1, BN254_SET, LASTING);
  for (const task of [...refused, ...lasting]) await stage.logged(task, 'task verified');
  expect(executor.socketsEver).toBeGreaterThan(BREAKS.length);
  expect(readFrom(executor)).toBeLessThan((refused.length + lasting.length + BREAKS.length) * LIMIT_BYTES);
}, 60_000);
