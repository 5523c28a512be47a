/** Certificates for a connection to a remote signer: PEM text, or files that may be renewed while the node runs. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';

/** Each is PEM text or the path of a file with it. */
export interface TlsSources {
  readonly caCert?: string;
  readonly cert?: string;
  readonly key?: Secret;
}

/** PEM texts, as `node:tls` takes them. */
export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface TlsMaterialOptions {
  readonly sources: TlsSources;
  /** The key of the configuration that the sources stand under, for messages. */
  readonly at: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Files are not looked at more often than this. */
const LOOK_EVERY_MS = 1_000;

export class TlsMaterial {
  readonly #options: TlsMaterialOptions;
  readonly #hasFiles: boolean;
  #texts: TlsTexts;
  #lookedAtMs: number;
  /** What was said of files that cannot be used, so that it is said once. */
  #told: string | undefined;

  private constructor(options: TlsMaterialOptions, texts: TlsTexts) {
    this.#options = options;
    this.#texts = texts;
    this.#lookedAtMs = options.clock.monotonicMs();
    const { caCert, cert, key } = options.sources;
    this.#hasFiles = [caCert, cert, key?.reveal()].some((source) => source !== undefined && !isPem(source));
  }

  /** @throws PonosError FILE_UNREADABLE, CONFIG_INVALID naming what is no certificate or key, or does not fit */
  static async load(options: TlsMaterialOptions): Promise<TlsMaterial> {
    return new TlsMaterial(options, await readTexts(options));
  }

  /**
   * As the files are now. While they cannot be used (half of them is renewed, say) it is what they were.
   * Nothing is thrown.
   */
  async current(): Promise<TlsTexts> {
    const { clock, logger, at } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#hasFiles || nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return this.#texts;
    this.#lookedAtMs = nowMs;
    try {
      const texts = await readTexts(this.#options);
      if (JSON.stringify(texts) !== JSON.stringify(this.#texts)) {
        logger.info('the certificates for the remote signer were renewed', { config: at });
      }
      this.#texts = texts;
      this.#told = undefined;
    } catch (error) {
      if (this.#told !== explain(error)) {
        logger.warn('the certificates for the remote signer cannot be used; the former ones stay', { error });
      }
      this.#told = explain(error);
    }
    return this.#texts;
  }
}

async function readTexts({ sources, at }: TlsMaterialOptions): Promise<TlsTexts> {
  const [ca, cert, key] = await Promise.all([
    readPem(sources.caCert, `${at}.caCert`),
    readPem(sources.cert, `${at}.cert`),
    readPem(sources.key?.reveal(), `${at}.key`),
  ]);
  if (ca !== undefined) parseCertificate(ca, `${at}.caCert`);
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new PonosError('CONFIG_INVALID', {
      message: `${at}.${given} is given and ${at}.${missing} is not`,
      advice: 'A client certificate needs both.',
    });
  }
  if (cert !== undefined && key !== undefined) {
    if (!parseCertificate(cert, `${at}.cert`).checkPrivateKey(parseKey(key, `${at}.key`))) {
      throw new PonosError('CONFIG_INVALID', {
        message: `${at}.key is not the private key of ${at}.cert`,
        advice: 'Give the certificate and the key that were made together.',
      });
    }
  }
  return { ca, cert, key };
}

function isPem(source: string): boolean {
  return source.includes('-----BEGIN ');
}

async function readPem(source: string | undefined, at: string): Promise<string | undefined> {
  if (source === undefined || isPem(source)) return source;
  try {
    return await readFile(source, 'utf8');
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', {
      message: `the file of ${at} cannot be read`,
      facts: { file: source },
      advice: 'Give PEM text, or the path of a file with it that this user can read.',
      cause,
    });
  }
}

function parseCertificate(text: string, at: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw new PonosError('CONFIG_INVALID', {
      message: `${at} is no certificate`,
      advice: 'Give it in PEM: it begins with -----BEGIN CERTIFICATE-----.',
      cause,
    });
  }
}

/** The cause is left out: it may quote the text. */
function parseKey(text: string, at: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new PonosError('CONFIG_INVALID', {
      message: `${at} is no private key, or it is encrypted`,
      advice: 'Give it in PEM, without a password: it begins with -----BEGIN PRIVATE KEY-----.',
    });
  }
}
