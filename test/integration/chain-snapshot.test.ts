/** A development chain that was started from a dumped state: its first block is not 0, or has no state. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { blockNumber, chainId, parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { createChainClient } from '../../src/chain/client.js';
import { requireHistory } from '../../src/chain/probe.js';
import { findStartBlock } from '../../src/chain/start-block.js';
import { type Anvil, startAnvil } from '../support/anvil.js';

const CHAIN = 31_337;
const REVERTING = parseAddress(`0x${'11'.repeat(20)}`);
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const open of opened.splice(0).reverse()) await open.close();
});

async function start(args: readonly string[]) {
  const anvil = await startAnvil({ chainId: CHAIN, args });
  opened.push(anvil);
  await anvil.rpc('anvil_setCode', REVERTING, '0x60006000fd');
  return { anvil, client: connect(anvil) };
}

function connect(anvil: Anvil) {
  const client = createChainClient({
    chainId: chainId(CHAIN),
    name: 'l1',
    rpcUrls: [anvil.url],
    clock: systemClock,
    logger: silentLogger,
  });
  opened.push(client);
  return client;
}

describe('a chain from a snapshot', () => {
  test('behavior: blocks below its first one are not asked for', async () => {
    const { anvil, client } = await start(['--number', '500000']);
    await anvil.rpc('anvil_mine', '0x8');
    const head = await client.head();
    expect(await findStartBlock(head, 60, (number) => client.block(number))).toBe(500_000);
    await expect(requireHistory(client, REVERTING)).resolves.toBeUndefined();
  });

  test('behavior: blocks whose state is gone are told of, and do not keep a node from starting', async () => {
    const { anvil, client } = await start(['--prune-history']);
    await anvil.rpc('anvil_mine', '0x8');
    await expect(
      client.call({ to: REVERTING, data: new Uint8Array(), at: blockNumber(2) }),
    ).rejects.toMatchObject({ code: 'CHAIN_NO_HISTORY' });
    await expect(requireHistory(client, REVERTING)).resolves.toMatch(/dropped the state of its older blocks/);
  });
});
