/** A node ends when it is asked to, leaves nothing behind, and can be started again however it ended. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BuiltDevnet, buildDevnet, type NodeSeat } from '../support/built-devnet.js';
import type { RunningPonos } from '../support/run-ponos.js';
import { until } from '../support/until.js';
import { isListening } from '../support/workplace.js';

let devnet: BuiltDevnet;

beforeAll(async () => {
  devnet = await buildDevnet(1);
}, 60_000);
afterAll(() => devnet?.close());

const READY = { aggregator: 'aggregator is watching', 'executor-1': 'executor is serving' };

async function started(node: NodeSeat, name: keyof typeof READY): Promise<RunningPonos> {
  const running = node.start();
  await running.logged(READY[name]);
  return running;
}

async function expectNothingLeft(node: NodeSeat): Promise<void> {
  // What is killed with the group of a performer takes a moment to be gone.
  await until('no process of it is left', () => node.processes().length === 0);
  expect(node.locks()).toEqual([]);
  const port = node.config.grpcPort ?? node.config.managementServerGrpcPort;
  expect(await isListening(`127.0.0.1:${port}`)).toBe(false);
}

describe.each(['aggregator', 'executor-1'] as const)('%s', (name) => {
  test.each(['SIGINT', 'SIGTERM'] as const)('behavior: %s ends it in good order, soon', async (signal) => {
    const node = await devnet.seat(name, (config) => {
      config.shutdown = { graceSeconds: 3_600 }; // nothing runs, so none of it is needed
    });
    try {
      const running = await started(node, name);
      const port = node.config.grpcPort ?? node.config.managementServerGrpcPort;
      expect(await isListening(`127.0.0.1:${port}`)).toBe(true);
      running.kill(signal);
      const { code, stderr } = await running.ended;
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/ ERROR |^ponos: /m);
      expect(stderr).toMatch(/ has stopped$/m);
      await expectNothingLeft(node);
    } finally {
      await node.remove();
    }
  });

  test('behavior: nobody takes its log any more, and it lives on and ends in good order', async () => {
    const node = await devnet.seat(name);
    try {
      const running = await started(node, name);
      running.leaveLog();
      running.kill('SIGTERM'); // which it would log
      expect(await running.ended).toMatchObject({ code: 0 });
      await expectNothingLeft(node);
    } finally {
      await node.remove();
    }
  });

  test('behavior: asked to stop while it starts, it stops', async () => {
    const node = await devnet.seat(name);
    try {
      const running = node.start();
      await running.logged(' starts ');
      running.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/ ERROR |^ponos: /m);
      await expectNothingLeft(node);
    } finally {
      await node.remove();
    }
  });

  test('behavior: killed, it takes its performers along, and starts again on the same data', async () => {
    const node = await devnet.seat(name, (config) => {
      config.storage = { type: 'level', level: { dir: `${devnet.folder}/data/${name}` } };
    });
    try {
      const killed = await started(node, name);
      const performers = node
        .processes()
        .filter((command) => /^\S*node \S+example-performer\.cjs$/.test(command));
      expect(performers).toHaveLength(name === 'aggregator' ? 0 : 1);
      killed.kill('SIGKILL');
      await killed.ended;
      await until('the performer has ended', () => node.processes().length === 0);
      expect(node.locks()).not.toEqual([]); // left behind, and no obstacle

      const again = await started(node, name);
      again.kill('SIGTERM');
      expect(await again.ended).toMatchObject({ code: 0 });
      await expectNothingLeft(node);
    } finally {
      await node.remove();
    }
  });
});
