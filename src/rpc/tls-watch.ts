/**
 * Certificates that are renewed while the node runs. The files are read again now and then, which sees every way of
 * replacing them: in place, by renaming, by the swapped link of a mounted secret. What is broken is not used.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { equalTls, loadTls, type TlsMaterial, type TlsSources } from '../base/tls-material.js';

const READ_MS = 10_000;
const DAY_MS = 24 * 60 * 60_000;
const WARN_DAYS = 14;

/** Material that may be renewed. */
export interface TlsSource {
  readonly current: TlsMaterial;
  /** Calls the listener with each renewal. @returns ends that */
  onChange(listener: (material: TlsMaterial) => void): () => void;
}

export interface TlsWatchOptions {
  readonly sources: TlsSources;
  /** The section of the configuration, e.g. `grpc.tls`. */
  readonly at: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class TlsWatch implements TlsSource {
  readonly #options: TlsWatchOptions;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  readonly #stop = new AbortController();
  #current: TlsMaterial;
  /** What was seen at the last look and could not be used; said when it is still there at the next one. */
  #broken: { readonly problem: string; readonly isSaid: boolean } | undefined;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #watching: Promise<void> = Promise.resolve();
  /** The last of the reads that were begun; one waits for the other, so that the newest has the last word. */
  #reading: Promise<void> = Promise.resolve();

  private constructor(options: TlsWatchOptions, material: TlsMaterial) {
    this.#options = options;
    this.#current = material;
  }

  /** Reads the files and watches them until `close`. @throws PonosError FILE_UNREADABLE, CONFIG_INVALID */
  static async open(options: TlsWatchOptions): Promise<TlsWatch> {
    const watch = new TlsWatch(options, await load(options));
    watch.#warnOfEnd();
    watch.#watching = watch.#watch();
    return watch;
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the files now, and says what came of it; after `close`, nothing happens. */
  async reload(): Promise<void> {
    await this.#read(true);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#reading;
  }

  async #watch(): Promise<void> {
    for (;;) {
      try {
        await this.#options.clock.sleep(READ_MS, this.#stop.signal);
      } catch {
        return; // closed
      }
      await this.#read(false);
      this.#warnOfEnd();
    }
  }

  #read(isAsked: boolean): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readNow(isAsked));
    return this.#reading;
  }

  async #readNow(isAsked: boolean): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { at, logger } = this.#options;
    let material: TlsMaterial;
    try {
      material = await load(this.#options);
    } catch (error) {
      this.#noteBroken(error, isAsked);
      return;
    }
    this.#broken = undefined;
    if (equalTls(material, this.#current)) {
      if (isAsked) logger.info(`the files of ${at} are as they were`);
      return;
    }
    this.#current = material;
    this.#warnedAtMs = Number.NEGATIVE_INFINITY;
    for (const listener of this.#listeners) listener(material);
    logger.info(`the certificates of ${at} are renewed, for connections from now on`, {
      validUntil: dateOf(material.expiresAtMs),
    });
    this.#warnOfEnd();
  }

  /** Two files are not replaced at one time: what is broken once may be whole at the next look. */
  #noteBroken(error: unknown, isAsked: boolean): void {
    const { at, logger } = this.#options;
    const problem = error instanceof Error ? error.message : String(error);
    const before = this.#broken?.problem === problem ? this.#broken : undefined;
    const isToBeSaid = isAsked || (before !== undefined && !before.isSaid);
    this.#broken = { problem, isSaid: isToBeSaid || before?.isSaid === true };
    if (isToBeSaid) logger.error(`the new files of ${at} cannot be used; those from before stay`, { error });
  }

  #warnOfEnd(): void {
    const { at, clock, logger } = this.#options;
    const { expiresAtMs } = this.#current;
    const nowMs = clock.nowMs();
    if (expiresAtMs === undefined || expiresAtMs - nowMs > WARN_DAYS * DAY_MS) return;
    if (clock.monotonicMs() - this.#warnedAtMs < DAY_MS) return;
    this.#warnedAtMs = clock.monotonicMs();
    const validUntil = dateOf(expiresAtMs);
    if (nowMs > expiresAtMs)
      logger.error(`a certificate of ${at} has expired: connections fail`, { validUntil });
    else logger.warn(`a certificate of ${at} expires soon: renew it`, { validUntil });
  }
}

function load({ sources, clock }: TlsWatchOptions): Promise<TlsMaterial> {
  return loadTls(sources, clock.nowMs());
}

function dateOf(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}
