/** From a configured remote signer to keys that are known to work. */
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { CloseStack } from '../base/close-stack.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { retry } from '../base/retry.js';
import type { RemoteSignerConfig } from '../config/types.js';
import { configuredAddress, findKey, keyMissing, signWith } from './remote-key.js';
import { createRemoteTransactionKey } from './remote-transaction.js';
import { RenewedTls } from './renewed-tls.js';
import type { EcdsaSigner, TransactionKey } from './signer.js';
import { SignerConnection } from './signer-connection.js';
import { createWeb3Signer, type Web3Signer } from './web3signer.js';

export interface SignerWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the connections to remote signers; without it they end when they are idle, and hold up no process. */
  readonly stack?: CloseStack;
  /** Gives up opening. */
  readonly signal?: AbortSignal;
  /** How long a remote signer may take for an answer. */
  readonly timeoutMs?: number;
}

/** Key stores in hardware or in a cloud take a second or two. */
const TIMEOUT_MS = 10_000;
/** Node and signer may be started together. */
const START_DELAYS_MS = [500, 1_000, 2_000, 4_000];
/** Signed at the start, to see whether the key signs at all. It is no message of any protocol. */
const TRIAL = new TextEncoder().encode('ponos: does this key sign?');

/**
 * @param at the section of the configuration, e.g. `operator.signingKeys.ecdsa`
 * @throws PonosError CONFIG_INVALID, FILE_UNREADABLE, SIGNER_UNAVAILABLE, SIGNER_UNTRUSTED,
 *   SIGNER_REFUSED, SIGNER_MISMATCH, ABORTED
 */
export async function openRemoteEcdsaSigner(
  config: RemoteSignerConfig | undefined,
  at: string,
  world: SignerWorld,
): Promise<EcdsaSigner> {
  const { address, client } = await open(config, at, world);
  const key = await whenItAnswers(world, async () => {
    const found = findKey(await client.publicKeys(), address, client.place);
    await signWith(client, found, TRIAL);
    return found;
  });
  tellOpened(at, address, client, world);
  return {
    curve: 'ecdsa',
    publicIdentity: address,
    sign: (preimage) => signWith(client, key, preimage),
  };
}

/** As `openRemoteEcdsaSigner`, for transactions. */
export async function openRemoteTransactionKey(
  config: RemoteSignerConfig | undefined,
  at: string,
  world: SignerWorld,
): Promise<TransactionKey> {
  const { address, client } = await open(config, at, world);
  await whenItAnswers(world, async () => {
    const accounts = await client.accounts();
    if (!accounts.includes(address)) throw keyMissing(address, accounts.length, client.place);
  });
  tellOpened(at, address, client, world);
  return createRemoteTransactionKey(client, address, world.logger);
}

async function open(
  config: RemoteSignerConfig | undefined,
  section: string,
  { clock, logger, stack, timeoutMs = TIMEOUT_MS }: SignerWorld,
): Promise<{ readonly address: Address; readonly client: Web3Signer }> {
  const at = `${section}.remoteSignerConfig`;
  if (config === undefined) {
    throw new PonosError('CONFIG_INVALID', { message: `${section}.remoteSigner needs ${at}` });
  }
  const address = configuredAddress(config, at);
  const url = new URL(config.url);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    logger.warn(
      'the remote signer is asked without TLS: who can reach it on the way can have anything signed',
      {
        signer: url.host,
        config: `${at}.url`,
      },
    );
  }
  const tls = await RenewedTls.open({ config, at, clock, logger });
  const connection = new SignerConnection({ url, place: { signer: url.host, at }, tls, timeoutMs });
  stack?.add('the connection to a remote signer', () => connection.close());
  return { address, client: createWeb3Signer(connection) };
}

function whenItAnswers<T>({ clock, signal }: SignerWorld, ask: () => Promise<T>): Promise<T> {
  return retry(ask, { clock, signal, delaysMs: START_DELAYS_MS, retryIf: isSilent });
}

const isSilent = (error: unknown) => error instanceof PonosError && error.code === 'SIGNER_UNAVAILABLE';

function tellOpened(at: string, address: Address, { place }: Web3Signer, { logger }: SignerWorld): void {
  logger.info('a remote signer holds this key', { config: at, address, signer: place.signer });
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
