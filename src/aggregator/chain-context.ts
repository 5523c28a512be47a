/** What the stages share of a chain. */
import type { ChainId } from '../base/brands.js';
import type { ChainClient } from '../chain/client.js';
import type { TaskMailbox } from '../chain/contracts/task-mailbox.js';
import type { TransactionSender } from '../chain/transaction-sender.js';
import type { CoreAddresses } from '../config/known-chains.js';
import type { CurveName } from '../crypto/curve.js';
import type { ChainTime } from './chain-time.js';
import type { GasMemory } from './gas-memory.js';

/** A watched chain as the aggregator's stages see it. */
export interface ChainContext {
  readonly chainId: ChainId;
  readonly name: string;
  readonly client: ChainClient;
  readonly addresses: CoreAddresses;
  readonly mailbox: TaskMailbox;
  readonly time: ChainTime;
  readonly gas: GasMemory;
  readonly sender: Pick<TransactionSender, 'ready' | 'simulate' | 'send' | 'resume' | 'receipt' | 'address'>;
  /** EIP-712 domain of this chain's ECDSA verifier. */
  readonly ecdsaDomainSeparator: Uint8Array;
  /** Curves that are not served on this chain, and why: our digests differ from the contract's. */
  readonly refusedCurves: ReadonlyMap<CurveName, string>;
}
