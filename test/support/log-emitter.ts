/** A contract without source: each call emits one event, topic and data taken from the call data. */
import { parseAddress } from '../../src/base/brands.js';
import type { Anvil } from './anvil.js';

/** calldatacopy(0, 0, size); log1(32, size - 32, mload(0)). */
export const LOG_EMITTER_CODE = '0x366000600037600051602036036020a100';

export const LOG_EMITTER = parseAddress('0x00000000000000000000000000000000000e317e');

export async function placeLogEmitter(anvil: Anvil): Promise<void> {
  await anvil.rpc('anvil_setCode', LOG_EMITTER, LOG_EMITTER_CODE);
}

/** Sends a transaction that emits; it waits in the pool until a block is mined. Resolves with its hash. */
export async function emitLog(anvil: Anvil, topic: string, data = '0x'): Promise<string> {
  const [from] = await anvil.rpc<string[]>('eth_accounts');
  return anvil.rpc<string>('eth_sendTransaction', {
    from,
    to: LOG_EMITTER,
    data: `${topic}${data.slice(2)}`,
    gas: '0x186a0',
  });
}
