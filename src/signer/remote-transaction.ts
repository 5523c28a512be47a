/** Transactions signed by a remote key. What comes back is used only if it is the very transaction that was asked for. */
import { Signature, Transaction, type TransactionLike } from 'ethers';
import type { Address } from '../base/brands.js';
import { type Hex, parseHex } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { findKey, signWith } from './remote-key.js';
import type { TransactionKey } from './signer.js';
import type { Web3Signer } from './web3signer.js';

/** A signed transaction beside the one that was asked for. */
export type Comparison =
  | { readonly kind: 'same' }
  /** Only the chain differs: Web3Signer signs for the chain it was started for, whatever it is asked. */
  | { readonly kind: 'other chain'; readonly chainId: bigint }
  /** Named by what differs; `from` is who signed. */
  | { readonly kind: 'different'; readonly fields: readonly string[] };

const FIELDS = [
  'type',
  'nonce',
  'to',
  'data',
  'value',
  'gasLimit',
  'maxFeePerGas',
  'maxPriorityFeePerGas',
  'gasPrice',
] as const;

/** Pure. The hash of what was signed decides; the names are for people. */
function compareTransactions(asked: Transaction, given: Transaction, signer: Address): Comparison {
  const isSigner = given.from?.toLowerCase() === signer;
  if (isSigner && given.unsignedHash === asked.unsignedHash) return { kind: 'same' };
  const moved = asked.clone();
  moved.chainId = given.chainId;
  if (isSigner && given.unsignedHash === moved.unsignedHash)
    return { kind: 'other chain', chainId: given.chainId };
  const fields: string[] = FIELDS.filter((name) => given[name] !== asked[name]);
  if (given.chainId !== asked.chainId) fields.push('chainId');
  if (!isSigner) fields.push('from');
  return { kind: 'different', fields: fields.length === 0 ? ['accessList'] : fields };
}

/** @param address of the key; that the signer has it was checked */
export function createRemoteTransactionKey(
  client: Web3Signer,
  address: Address,
  logger: Logger,
): TransactionKey {
  /** Chains for which the signer makes no transactions: their bytes are signed as data. */
  const signedAsData = new Set<bigint>();

  async function signAsData(asked: Transaction): Promise<string> {
    const key = findKey(await client.publicKeys(), address, client.place);
    const signed = asked.clone();
    signed.signature = Signature.from(toHex(await signWith(client, key, bytesOf(asked))));
    return signed.serialized;
  }

  return {
    address,
    async signTransaction(transaction: TransactionLike) {
      const asked = Transaction.from(transaction);
      if (signedAsData.has(asked.chainId)) return signAsData(asked);
      const given = decode(await client.signTransaction(address, asked), client);
      const comparison = compareTransactions(asked, given, address);
      if (comparison.kind === 'same') return given.serialized;
      if (comparison.kind === 'different') throw different(comparison.fields, client);
      signedAsData.add(asked.chainId);
      logger.info(
        'the remote signer signs transactions of another chain; those of this one are signed as data',
        {
          signer: client.place.signer,
          chainId: asked.chainId,
          signersChainId: comparison.chainId,
        },
      );
      return signAsData(asked);
    },
  };
}

const bytesOf = ({ unsignedSerialized }: Transaction) => fromHex(parseHex(unsignedSerialized));

function decode(raw: Hex, { place }: Web3Signer): Transaction {
  try {
    const given = Transaction.from(raw);
    if (given.isSigned()) return given;
  } catch (cause) {
    throw new PonosError('SIGNER_MISMATCH', {
      message: 'the remote signer gave what is no transaction',
      facts: { signer: place.signer },
      cause,
    });
  }
  throw new PonosError('SIGNER_MISMATCH', {
    message: 'the remote signer gave a transaction without a signature',
    facts: { signer: place.signer },
  });
}

function different(fields: readonly string[], { place }: Web3Signer): PonosError {
  return new PonosError('SIGNER_MISMATCH', {
    message: 'the remote signer signed another transaction than it was asked to',
    facts: { signer: place.signer, different: fields.join(', ') },
    advice: 'It was not sent. Find out what answers there before the node goes on.',
  });
}
