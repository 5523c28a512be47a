/**
 * A signer that speaks Web3Signer's API in mode eth1: REST for data, JSON-RPC for transactions of the one chain it was
 * started for. It does what the test says: wrong keys, wrong transactions, silence.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Signature, Transaction, type TransactionLike } from 'ethers';
import { type Address, parseHex } from '../../src/base/brands.js';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.js';
import { ecdsaAddress, ecdsaPublicKey } from '../../src/crypto/ecdsa.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type { TestAuthority, TestCertificate } from './certificates.js';

/** What it answers instead of what it should. */
export interface SignerFault {
  readonly status?: number;
  readonly body?: string;
}

export interface Web3SignerScript {
  /** Asked for every request; undefined: as documented. */
  fault: (path: string, method: string | undefined) => SignerFault | 'silence' | 'hang up' | undefined;
  /** Which key signs when another one was asked for. */
  signsWith: Uint8Array | undefined;
  /** Changes a transaction before it is signed. */
  redirect: (transaction: TransactionLike) => TransactionLike;
  /** The last look at signatures of data. */
  mangle: (signature: Uint8Array) => Uint8Array;
}

export interface TestWeb3Signer {
  readonly url: string;
  readonly address: Address;
  /** 0x and 128 hex digits, as it lists it. */
  readonly publicKey: string;
  readonly script: Web3SignerScript;
  /** `METHOD path` of REST calls, names of JSON-RPC methods. */
  readonly asked: string[];
  /** Connections that were made so far. */
  readonly connections: number;
  /** Common names of the clients' certificates, one a connection. */
  readonly clients: (string | undefined)[];
  /** Takes another certificate for connections to come. */
  present(certificate: TestCertificate): void;
  close(): Promise<void>;
}

export interface Web3SignerOptions {
  readonly secret: Uint8Array;
  /** Further keys that it lists first. */
  readonly others?: readonly Uint8Array[];
  /** The chain of its transactions, whatever it is asked. */
  readonly chainId?: number;
  /** With it, it listens by TLS and asks clients for a certificate of this authority; without, by plain HTTP. */
  readonly tls?: { readonly certificate: TestCertificate; readonly clientAuthority: TestAuthority };
  /** 0: any free one. */
  readonly port?: number;
  /** Signs the same differently each time. */
  readonly isRandom?: boolean;
}

export async function startWeb3Signer(options: Web3SignerOptions): Promise<TestWeb3Signer> {
  const { secret, others = [], chainId = 31_337, tls, port: wanted = 0, isRandom = false } = options;
  const keys = [...others, secret];
  const script: Web3SignerScript = {
    fault: () => undefined,
    signsWith: undefined,
    redirect: (transaction) => transaction,
    mangle: (signature) => signature,
  };
  const asked: string[] = [];
  const clients: (string | undefined)[] = [];
  let connections = 0;

  const sign = (key: Uint8Array, digest: Uint8Array) => {
    const [recovery, ...rest] = secp256k1.sign(digest, script.signsWith ?? key, {
      prehash: false,
      lowS: true,
      format: 'recovered',
      extraEntropy: isRandom,
    });
    return concatBytes(Uint8Array.from(rest), Uint8Array.of(27 + (recovery ?? 0)));
  };

  function signData(path: string, body: string): SignerFault {
    const key = keys.find((one) => path.endsWith(`/${publicKeyOf(one).slice(2)}`));
    if (key === undefined) return { status: 404, body: 'Public Key not found' };
    const { type, data }: { type?: string; data?: string } = JSON.parse(body);
    if (type !== 'MESSAGE' || data === undefined) return { status: 400, body: 'Bad request' };
    return { body: toHex(script.mangle(sign(key, keccak256(fromHex(parseHex(data)))))) };
  }

  function call(body: string): SignerFault {
    const { id, method, params }: { id: number; method: string; params: Record<string, string>[] } =
      JSON.parse(body);
    asked.push(method);
    const answer = (content: object) => ({ body: JSON.stringify({ jsonrpc: '2.0', id, ...content }) });
    if (method === 'eth_accounts') return answer({ result: keys.map(ecdsaAddress) });
    if (method !== 'eth_signTransaction')
      return answer({ error: { code: -32_601, message: 'Method not found' } });
    const { from, gas, chainId: _ignored, ...rest } = params[0] ?? {};
    const key = keys.find((one) => ecdsaAddress(one) === from);
    if (key === undefined) {
      return answer({ error: { code: -32_000, message: 'From address does not match an unlocked account' } });
    }
    const transaction = Transaction.from(
      script.redirect({ ...rest, type: 2, chainId, nonce: Number(rest.nonce), gasLimit: gas }),
    );
    const signature = sign(key, fromHex(parseHex(transaction.unsignedHash)));
    transaction.signature = Signature.from(toHex(signature));
    return answer({ result: transaction.serialized });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const body = await textOf(request);
    if (path !== '/') asked.push(`${request.method} ${path}`);
    const fault = script.fault(path, request.method);
    if (fault === 'silence') return;
    if (fault === 'hang up') {
      request.socket.destroy();
      return;
    }
    const given = fault ?? documented(path, body);
    response.writeHead(given.status ?? 200).end(given.body);
  }

  function documented(path: string, body: string): SignerFault {
    if (path === '/') return call(body);
    if (path === '/api/v1/eth1/publicKeys') return { body: JSON.stringify(keys.map(publicKeyOf)) };
    if (path.startsWith('/api/v1/eth1/sign/')) return signData(path, body);
    return { status: 404, body: 'Resource not found' };
  }

  const listener: RequestListener = (request, response) => void answer(request, response);
  const server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer(
          { ...tls.certificate, ca: tls.clientAuthority.cert, requestCert: true, rejectUnauthorized: true },
          listener,
        );
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket) => {
    connections += 1;
    if (tls !== undefined) clients.push(socket.getPeerCertificate()?.subject?.CN);
  });
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    address: ecdsaAddress(secret),
    publicKey: publicKeyOf(secret),
    script,
    asked,
    clients,
    get connections() {
      return connections;
    },
    present(certificate) {
      if (tls !== undefined)
        (server as TlsServer).setSecureContext({ ...certificate, ca: tls.clientAuthority.cert });
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const publicKeyOf = (secret: Uint8Array) => toHex(ecdsaPublicKey(secret).subarray(1));

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
