/** A transaction on its way: what is signed, what signs it, and what the chain says of it. */
import { Transaction, toBeHex } from 'ethers';
import {
  type Address,
  type BlockNumber,
  blockNumber,
  type ChainId,
  type Hash32,
  type Hex,
  parseAddress,
  parseHash32,
  parseHex,
} from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { parseData, quantity, record, smallQuantity } from './block.js';
import type { Fees } from './fees.js';

/** An EIP-1559 transaction without value. */
export interface UnsignedTransaction {
  readonly type: 2;
  readonly chainId: ChainId;
  readonly nonce: number;
  readonly to: Address;
  readonly data: Hex;
  readonly value: bigint;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** What a transaction does, whatever its nonce and fees are. */
export interface UnsignedCall {
  readonly to: Address;
  readonly data: Uint8Array;
  readonly gasLimit: bigint;
}

/** What the sender needs of the account that pays: a local key or a remote signer. */
export interface TransactionSigner {
  readonly address: Address;
  /** The signed transaction, ready to be sent. */
  signTransaction(transaction: UnsignedTransaction): Promise<string>;
}

export interface SignedTransaction {
  readonly hash: Hash32;
  readonly raw: string;
  readonly nonce: number;
  readonly fees: Fees;
  readonly gasLimit: bigint;
  /** It does nothing but to take its nonce out of the way. */
  readonly isEmpty: boolean;
}

/** Added to an estimate: what is mined in between may make the call dearer. */
const GAS_MARGIN_PERCENT = 25n;

/** The gas limit of a call that was estimated to need so much. */
export function withMargin(gas: bigint): bigint {
  return (gas * (100n + GAS_MARGIN_PERCENT)) / 100n;
}

/** The most that a transaction can take from the account, in wei. On an OP chain the fee for L1 comes on top. */
export function maxCostWei({ gasLimit, fees }: Pick<SignedTransaction, 'gasLimit' | 'fees'>): bigint {
  return gasLimit * fees.maxFeePerGas;
}

/** A transaction that waits in a node's pool. */
export interface PooledTransaction {
  readonly from: Address;
  readonly transaction: SignedTransaction;
  readonly call: UnsignedCall;
}

export interface Receipt {
  readonly hash: Hash32;
  readonly blockNumber: BlockNumber;
  readonly blockHash: Hash32;
  /** `reverted` was mined and paid for, but changed nothing. */
  readonly status: 'succeeded' | 'reverted';
  readonly gasUsed: bigint;
  /** What was paid, an OP chain's fee for L1 included; undefined where the node does not tell the price. */
  readonly costWei: bigint | undefined;
}

export async function signTransaction(
  signer: TransactionSigner,
  chainId: ChainId,
  call: UnsignedCall,
  nonce: number,
  fees: Fees,
): Promise<SignedTransaction> {
  const { to, gasLimit } = call;
  const data = toHex(call.data);
  const raw = await signer.signTransaction({
    type: 2,
    chainId,
    nonce,
    to,
    data,
    value: 0n,
    gasLimit,
    ...fees,
  });
  const hash = parseHash32(Transaction.from(raw).hash ?? '');
  return { hash, raw, nonce, fees, gasLimit, isEmpty: call.data.length === 0 };
}

/** A transaction that was signed here before, from its bytes. @throws PonosError INTERNAL when they are none of ours */
export function readSigned(raw: string): {
  readonly transaction: SignedTransaction;
  readonly call: UnsignedCall;
} {
  const { hash, nonce, to, data, gasLimit, maxFeePerGas, maxPriorityFeePerGas } = Transaction.from(raw);
  if (hash === null || to === null || maxFeePerGas === null || maxPriorityFeePerGas === null) {
    throw new PonosError('INTERNAL', {
      message: 'a kept transaction is not of the kind that is signed here',
    });
  }
  const call = { to: parseAddress(to), data: fromHex(parseHex(data)), gasLimit };
  const fees = { maxFeePerGas, maxPriorityFeePerGas };
  const isEmpty = call.data.length === 0;
  return { transaction: { hash: parseHash32(hash), raw, nonce, fees, gasLimit, isEmpty }, call };
}

/**
 * The bytes are put together again from what the node tells, since no signer need sign the same way twice.
 * @returns undefined unless it waits in the pool and is of the kind that is signed here. @throws PonosError CHAIN_RPC
 */
export function parsePooled(answer: unknown): PooledTransaction | undefined {
  if (answer === null) return undefined;
  const fields = record(answer, 'a transaction');
  if (typeof fields.blockNumber === 'string' || typeof fields.maxFeePerGas !== 'string') return undefined;
  const pooled = Transaction.from({
    type: 2,
    chainId: quantity(fields.chainId),
    nonce: smallQuantity(fields.nonce),
    to: String(fields.to),
    data: toHex(parseData(fields.input)),
    value: quantity(fields.value),
    gasLimit: quantity(fields.gas),
    maxFeePerGas: quantity(fields.maxFeePerGas),
    maxPriorityFeePerGas: quantity(fields.maxPriorityFeePerGas),
    signature: {
      r: toBeHex(quantity(fields.r), 32),
      s: toBeHex(quantity(fields.s), 32),
      yParity: quantity(fields.v) === 1n ? 1 : 0,
    },
  });
  // With an access list, or of a type to come: not ours.
  if (pooled.hash !== fields.hash || pooled.from === null) return undefined;
  return { from: parseAddress(pooled.from), ...readSigned(pooled.serialized) };
}

/** @returns undefined while the transaction is not in a block. @throws PonosError CHAIN_RPC */
export function parseReceipt(answer: unknown): Receipt | undefined {
  if (answer === null) return undefined;
  const fields = record(answer, 'a receipt');
  if (fields.blockNumber === null) return undefined;
  return {
    hash: parseHash32(String(fields.transactionHash)),
    blockNumber: blockNumber(quantity(fields.blockNumber)),
    blockHash: parseHash32(String(fields.blockHash)),
    status: quantity(fields.status) === 1n ? 'succeeded' : 'reverted',
    gasUsed: quantity(fields.gasUsed),
    costWei: costOf(fields),
  };
}

function costOf({ gasUsed, effectiveGasPrice, l1Fee }: Record<string, unknown>): bigint | undefined {
  if (typeof effectiveGasPrice !== 'string') return undefined;
  const forL1 = typeof l1Fee === 'string' ? quantity(l1Fee) : 0n;
  return quantity(gasUsed) * quantity(effectiveGasPrice) + forL1;
}
