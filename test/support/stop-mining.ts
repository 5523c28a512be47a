/** A chain that makes blocks by itself, in a test's hands. */
import type { ChainClient } from '../../src/chain/client.js';

/** Mines a block; from then on there are only those that the test mines, until `evm_setIntervalMining` again. */
export async function stopMining(client: Pick<ChainClient, 'request'>): Promise<void> {
  await client.request('evm_setIntervalMining', [0]);
  // A block that anvil is making comes later than this answer, but never after one that is asked for now.
  await client.request('evm_mine', []);
}
