/** Certificates for a connection to a remote signer, whose files may be renewed while the node runs. */
import type { Clock } from '../base/clock.js';
import { explain } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import { equalTls, isPem, loadTls, type TlsMaterial, type TlsSources } from '../base/tls-material.js';

export interface RenewedTlsOptions {
  /** Each is PEM text or the path of a file with it. */
  readonly config: { readonly caCert?: string; readonly cert?: string; readonly key?: Secret };
  /** The key of the configuration that they stand under, for messages. */
  readonly at: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Files are not looked at more often than this. */
const LOOK_EVERY_MS = 1_000;

export class RenewedTls {
  readonly #options: RenewedTlsOptions;
  readonly #sources: TlsSources;
  readonly #hasFiles: boolean;
  #material: TlsMaterial;
  #lookedAtMs: number;
  /** What was said of files that cannot be used, so that it is said once. */
  #told: string | undefined;

  private constructor(options: RenewedTlsOptions, material: TlsMaterial) {
    this.#options = options;
    this.#sources = sourcesOf(options);
    this.#material = material;
    this.#lookedAtMs = options.clock.monotonicMs();
    const { caCert, cert, key } = options.config;
    this.#hasFiles = [caCert, cert, key?.reveal()].some((from) => from !== undefined && !isPem(from));
  }

  /** @throws PonosError FILE_UNREADABLE, CONFIG_INVALID, as `loadTls` */
  static async open(options: RenewedTlsOptions): Promise<RenewedTls> {
    return new RenewedTls(options, await loadTls(sourcesOf(options), options.clock.nowMs()));
  }

  /**
   * As the files are now. While they cannot be used (half of them is renewed, say) it is what they were.
   * Nothing is thrown.
   */
  async current(): Promise<TlsMaterial> {
    const { clock, logger, at } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#hasFiles || nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return this.#material;
    this.#lookedAtMs = nowMs;
    try {
      const material = await loadTls(this.#sources, clock.nowMs());
      if (!equalTls(material, this.#material)) {
        logger.info('the certificates for the remote signer were renewed', { config: at });
      }
      this.#material = material;
      this.#told = undefined;
    } catch (error) {
      if (this.#told !== explain(error)) {
        logger.warn('the certificates for the remote signer cannot be used; the former ones stay', { error });
      }
      this.#told = explain(error);
    }
    return this.#material;
  }
}

function sourcesOf({ config: { caCert, cert, key }, at }: RenewedTlsOptions): TlsSources {
  return {
    ca: caCert === undefined ? undefined : { option: `${at}.caCert`, from: caCert },
    cert: cert === undefined ? undefined : { option: `${at}.cert`, from: cert },
    key: key === undefined ? undefined : { option: `${at}.key`, from: key },
  };
}
