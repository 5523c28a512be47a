/** Threat 7: whoever registers an operator says what is dialled, and may say an address inside the machine. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { type Lookup, resolvePeer, systemLookup } from '../../src/aggregator/peer-address.js';
import { createPeerPolicy } from '../../src/aggregator/peer-policy.js';
import type { Address } from '../../src/base/brands.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { BN254_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';

const stage = aggregatorStage();
const strict = createPeerPolicy({ allow: [], deny: [], allowLoopback: false });

/** What an operator publishes as its socket from now on. */
const publish = (index: number, socket: string) =>
  stage.world.administer(async ({ l1, contracts, cast }) => {
    const operator = cast.executors[index];
    if (operator === undefined) throw new Error(`no executor ${index}`);
    await l1.send(operator, contracts.avsRegistrar, 'updateSocket', [operator.address, socket]);
  });

/** On the devnet's chain loopback is allowed; this takes it back for one address. */
const denying =
  (...deny: string[]) =>
  (config: AggregatorConfig): AggregatorConfig => ({
    ...config,
    tasks: { ...config.tasks, peers: { ...config.tasks.peers, deny } },
  });

describe('threat 7, a socket that leads where nobody should be led', () => {
  test.each([
    ['169.254.169.254:80', 'a cloud metadata address'],
    ['169.254.7.7:80', 'a link-local address'],
    ['[fe80::1]:80', 'a link-local address'],
    ['[fd00:ec2::254]:80', 'a cloud metadata address'],
    ['127.0.0.1:8545', 'a loopback address'],
    ['[::1]:8545', 'a loopback address'],
    ['[::ffff:127.0.0.1]:8545', 'a loopback address'],
    ['[::7f00:1]:8545', 'a loopback address'],
    ['[64:ff9b::a9fe:a9fe]:80', 'a cloud metadata address'],
    ['[64:ff9b:1::a9fe:a9fe]:80', 'a local-use NAT64 address'],
    ['[2002:7f00:1::]:8545', 'a loopback address'],
    ['0.0.0.0:8545', 'an unspecified address'],
    // What the system's resolver takes for 127.0.0.1, or for 169.254.169.254.
    ['localhost:8545', 'a loopback address'],
    ['2130706433:8545', 'a loopback address'],
    ['0x7f000001:8545', 'a loopback address'],
    ['0177.0.0.1:8545', 'a loopback address'],
    ['127.1:8545', 'a loopback address'],
    ['2852039166:80', 'a cloud metadata address'],
    ['0xa9.0xfe.0xa9.0xfe:80', 'a cloud metadata address'],
  ])('error: %s is refused as %s', async (socket, reason) => {
    const resolved = resolvePeer(socket, strict, systemLookup);
    await expect(resolved).rejects.toMatchObject({
      code: 'PEER_REFUSED',
      message: expect.stringContaining(reason),
      advice: expect.stringContaining('tasks.peers.allow'),
    });
  });

  test('behavior: it is dialled when the configuration allows it', async () => {
    const allowed = createPeerPolicy({
      allow: ['127.0.0.1', '169.254.0.0/16'],
      deny: [],
      allowLoopback: false,
    });
    expect(await resolvePeer('2130706433:8545', allowed, systemLookup)).toBe('127.0.0.1:8545');
    expect(await resolvePeer('169.254.169.254:80', allowed, systemLookup)).toBe('169.254.169.254:80');
  });
});

test('behavior: the aggregator knocks at no refused socket, names it once for the operator, and the others certify', async () => {
  const knocked: string[] = [];
  const trap = createServer((socket) => {
    knocked.push(String(socket.remoteAddress));
    socket.destroy();
  });
  trap.listen(0, '127.0.0.2');
  await once(trap, 'listening');
  const address = trap.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const usual = stage.world.state.executors[3]?.socket ?? '';
  try {
    // A name whose address is fine when it is asked for first, and another one a moment later.
    const answers = ['127.0.0.2', '127.0.0.1'];
    const lookup: Lookup = async () => [answers.shift() ?? '127.0.0.2'];
    await publish(3, `rebinding.example.org:${port}`);
    await publish(2, `127.0.0.2:${port}`);
    await stage.start({ change: denying('127.0.0.2/32'), lookup });
    const task = await stage.createTask(L1, BN254_SET, 'trapped');
    for (const index of [2, 3]) {
      const { operator } = stage.executor(index);
      const line = await stage.world.logged(
        ({ message, fields }) =>
          message === 'an executor refuses the task' && fields.operator === (operator.address as Address),
      );
      expect(line.fields.reason).toMatch(/not dialled: it is denied by tasks.peers.deny/);
    }
    await stage.logged(task, 'task verified');
    expect(knocked).toEqual([]);
  } finally {
    trap.close();
    await publish(3, usual);
    await publish(2, stage.world.state.executors[2]?.socket ?? '');
  }
}, 60_000);

test('behavior: what was judged is what is dialled, whatever the name says a moment later', async () => {
  const [usual, port] = [
    stage.world.state.executors[3]?.socket ?? '',
    stage.world.state.executors[3]?.socket.split(':')[1],
  ];
  const asked: string[] = [];
  // Were the name resolved again to be dialled, it would be by the system, which does not know it.
  const lookup: Lookup = async (host) => {
    asked.push(host);
    return ['127.0.0.1'];
  };
  try {
    await publish(3, `only-here.invalid:${port}`);
    for (const index of [0, 1, 2]) {
      const other = stage.executor(index);
      other.answer = async (submission) => {
        await stage.world.logged(
          ({ message, fields }) =>
            message === 'a response counts' && fields.operator === stage.executor(3).operator.address,
        );
        return other.honest(submission);
      };
    }
    await stage.start({ lookup });
    const task = await stage.createTask(L1, BN254_SET, 'by name');
    await stage.logged(task, 'task verified');
    expect(asked).toEqual(['only-here.invalid']);
  } finally {
    await publish(3, usual);
  }
}, 60_000);
