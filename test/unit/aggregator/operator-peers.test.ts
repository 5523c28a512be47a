import { describe, expect, test } from '@jest/globals';
import { OperatorPeers } from '../../../src/aggregator/operator-peers.js';
import { blockNumber, chainId, type Hex } from '../../../src/base/brands.js';
import { fromHex } from '../../../src/base/bytes.js';
import { PonosError } from '../../../src/base/error.js';
import { AVS_REGISTRAR_ABI } from '../../../src/chain/contracts/avs-registrar.js';
import type { ExecutorClient } from '../../../src/rpc/channel-pool.js';
import { manualClock } from '../../support/manual-clock.js';
import { operatorAddress } from './world.js';

const REGISTRAR = operatorAddress(50);
const OPERATOR = operatorAddress(1);
const FIVE_MINUTES_MS = 5 * 60_000;

/** A registrar that tells `published`, and counts how often it is asked. */
function world() {
  const clock = manualClock();
  const chain = { published: '192.0.2.1:9000', isDown: false, reads: [] as unknown[] };
  const dialled: string[] = [];
  const peers = new OperatorPeers({
    l1: {
      name: 'L1',
      chainId: chainId(1),
      call: async ({ at }) => {
        chain.reads.push(at);
        if (chain.isDown) throw new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
        const answer = AVS_REGISTRAR_ABI.interface.encodeFunctionResult('getOperatorSocket', [
          chain.published,
        ]);
        return fromHex(answer as Hex);
      },
    },
    l1Head: () => blockNumber(7),
    policy: () => undefined,
    lookup: async () => [],
    channels: {
      executor: (socket) => {
        dialled.push(socket);
        return {} as ExecutorClient;
      },
    },
    clock,
  });
  const connect = () => peers.connect(REGISTRAR, OPERATOR);
  const hasMoved = () => peers.hasMoved(REGISTRAR, OPERATOR);
  return { clock, chain, dialled, peers, connect, hasMoved };
}

describe("an operator's socket", () => {
  test('default: is read once, as of the head, for all who ask in the next minutes', async () => {
    const { chain, connect, clock, dialled } = world();
    await Promise.all([connect(), connect()]);
    await clock.advance(FIVE_MINUTES_MS - 1);
    await connect();
    expect(chain.reads).toEqual([7]);
    expect(dialled).toEqual(Array.from({ length: 3 }, () => '192.0.2.1:9000'));
  });

  test('behavior: is read again after five minutes', async () => {
    const { chain, connect, clock, dialled } = world();
    await connect();
    chain.published = '192.0.2.2:9000';
    await clock.advance(FIVE_MINUTES_MS);
    await connect();
    expect(dialled).toEqual(['192.0.2.1:9000', '192.0.2.2:9000']);
  });

  test('behavior: whoever fails at it looks anew, and is told whether it has moved', async () => {
    const { chain, connect, hasMoved, dialled } = world();
    await connect();
    expect(await hasMoved()).toBe(false);
    chain.published = '192.0.2.2:9000';
    expect(await hasMoved()).toBe(true);
    await connect();
    expect(chain.reads).toHaveLength(3);
    expect(dialled).toEqual(['192.0.2.1:9000', '192.0.2.2:9000']);
  });

  test('behavior: a chain that is down leaves nothing behind, and has moved nobody', async () => {
    const { chain, connect, hasMoved, dialled } = world();
    await connect();
    chain.isDown = true;
    expect(await hasMoved()).toBe(false);
    await expect(connect()).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    chain.isDown = false;
    await connect();
    expect(dialled).toHaveLength(2);
  });

  test('behavior: is read again once somebody else seems to have it', async () => {
    const { chain, connect, peers } = world();
    await connect();
    peers.forget(REGISTRAR, OPERATOR);
    await connect();
    expect(chain.reads).toHaveLength(2);
  });

  test('error: none is published; that is asked again each time', async () => {
    const { chain, connect } = world();
    chain.published = '';
    await expect(connect()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    chain.published = '192.0.2.1:9000';
    await connect();
    expect(chain.reads).toHaveLength(2);
  });
});
