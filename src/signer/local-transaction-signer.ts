/** The key that pays for transactions, held in this process. */
import { type TransactionLike, Wallet } from 'ethers';
import type { Address } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import type { Secret } from '../base/secret.js';
import { ecdsaAddress } from '../crypto/ecdsa.js';

export interface LocalTransactionSigner {
  readonly address: Address;
  /** The signed transaction as hex, ready to be sent. */
  signTransaction(transaction: TransactionLike): Promise<string>;
}

/** @param key 32 bytes */
export function localTransactionSigner(key: Secret<Uint8Array>): LocalTransactionSigner {
  return {
    address: ecdsaAddress(key.reveal()),
    // ethers keeps keys as plain text in the wallet, so the wallet lives no longer than a signature.
    signTransaction: (transaction) => new Wallet(toHex(key.reveal())).signTransaction(transaction),
  };
}
