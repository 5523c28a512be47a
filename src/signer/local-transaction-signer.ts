/** The key that pays for transactions, held in this process. */
import { Wallet } from 'ethers';
import { toHex } from '../base/bytes.js';
import type { Secret } from '../base/secret.js';
import { ecdsaAddress } from '../crypto/ecdsa.js';
import type { TransactionKey } from './signer.js';

/** @param key 32 bytes */
export function localTransactionSigner(key: Secret<Uint8Array>): TransactionKey {
  return {
    address: ecdsaAddress(key.reveal()),
    // ethers keeps keys as plain text in the wallet, so the wallet lives no longer than a signature.
    signTransaction: (transaction) => new Wallet(toHex(key.reveal())).signTransaction(transaction),
  };
}
