/** Web3Signer's API as far as a node needs it. What it answers is not believed here: the callers check it. */
import type { Transaction } from 'ethers';
import { type Address, type Hex, parseAddress, parseHex } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import type { SignerAnswer, SignerConnection, SignerRequest } from './signer-connection.js';
import { malformedAnswer, type SignerPlace, statusFailure } from './signer-failure.js';

/** Every method throws PonosError SIGNER_UNAVAILABLE, SIGNER_UNTRUSTED, SIGNER_REFUSED. */
export interface Web3Signer {
  readonly place: SignerPlace;
  /** Public keys as it writes them: 0x and 128 hex digits. */
  publicKeys(): Promise<string[]>;
  /** Addresses of the keys that sign transactions. */
  accounts(): Promise<Address[]>;
  /**
   * Signs keccak-256 of the data, without any prefix.
   * @param publicKey as `publicKeys` has it
   * @returns what it gave, of whatever length
   */
  sign(publicKey: string, data: Uint8Array): Promise<Uint8Array>;
  /** @returns the signed transaction as it gave it; for the chain that the signer was started for */
  signTransaction(from: Address, transaction: Transaction): Promise<Hex>;
}

export function createWeb3Signer(connection: SignerConnection): Web3Signer {
  const { place } = connection;

  async function ask(request: SignerRequest): Promise<SignerAnswer> {
    const answer = await connection.exchange(request);
    if (answer.status !== 200) throw statusFailure(answer.status, answer.body, place);
    return answer;
  }

  async function call(method: string, params: readonly unknown[]): Promise<unknown> {
    const { body } = await ask({
      method: 'POST',
      path: '/',
      body: { jsonrpc: '2.0', id: 1, method, params },
    });
    const { result, error } = parsed(body, (answer): answer is RpcAnswer => isRecord(answer));
    if (error !== undefined && error !== null) throw rpcFailure(method, error);
    return result;
  }

  function parsed<T>(body: string, isRight: (value: unknown) => value is T): T {
    try {
      const value: unknown = JSON.parse(body);
      if (isRight(value)) return value;
    } catch {
      // Told below, with the text.
    }
    throw malformedAnswer('answer that can be read', body, place);
  }

  function rpcFailure(method: string, error: unknown): PonosError {
    const { code, message } = isRecord(error) ? error : {};
    return new PonosError('SIGNER_REFUSED', {
      message: `the remote signer refuses ${method}`,
      facts: {
        signer: place.signer,
        rpcCode: typeof code === 'number' ? code : undefined,
        answer: String(message).slice(0, 200),
      },
      advice: `Check that it has loaded the key of ${place.at}, and that it runs in mode eth1.`,
    });
  }

  return {
    place,
    async publicKeys() {
      const { body } = await ask({ method: 'GET', path: '/api/v1/eth1/publicKeys' });
      return parsed(body, isTexts);
    },
    async accounts() {
      const accounts = await call('eth_accounts', []);
      if (!isTexts(accounts))
        throw malformedAnswer('list of accounts', JSON.stringify(accounts) ?? '', place);
      return accounts.map((account) => parseAddress(account));
    },
    async sign(publicKey, data) {
      const { body } = await ask({
        method: 'POST',
        path: `/api/v1/eth1/sign/${publicKey.replace(/^0x/i, '')}`,
        body: { type: 'MESSAGE', data: toHex(data) },
      });
      // Plain text by the documentation; some proxies make JSON of it.
      const text = body.trim().replace(/^"(.*)"$/, '$1');
      if (!isHexBytes(text)) throw malformedAnswer('signature', body, place);
      return fromHex(parseHex(text));
    },
    async signTransaction(from, transaction) {
      const { to, data, nonce, value, gasLimit, maxFeePerGas, maxPriorityFeePerGas, chainId } = transaction;
      const signed = await call('eth_signTransaction', [
        {
          from,
          to,
          data,
          nonce: quantity(nonce),
          value: quantity(value),
          gas: quantity(gasLimit),
          maxFeePerGas: quantity(maxFeePerGas ?? 0n),
          maxPriorityFeePerGas: quantity(maxPriorityFeePerGas ?? 0n),
          // Web3Signer takes no notice of it; what is compatible with it may.
          chainId: quantity(chainId),
        },
      ]);
      if (typeof signed !== 'string' || !isHexBytes(signed)) {
        throw malformedAnswer('signed transaction', JSON.stringify(signed) ?? '', place);
      }
      return parseHex(signed);
    },
  };
}

interface RpcAnswer {
  readonly result?: unknown;
  readonly error?: unknown;
}

const quantity = (value: number | bigint) => `0x${value.toString(16)}`;

const isHexBytes = (text: string) => /^0x(?:[0-9a-f]{2})+$/i.test(text);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
