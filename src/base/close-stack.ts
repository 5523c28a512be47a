/** What was opened, to be closed in reverse order: register each clean-up right after its acquisition. */
import type { Logger } from './logger.js';

interface Opened {
  readonly what: string;
  readonly close: () => Promise<void> | void;
}

export class CloseStack {
  readonly #logger: Logger;
  readonly #opened: Opened[] = [];
  #closing: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param what for the log, should closing it fail */
  add(what: string, close: () => Promise<void> | void): void {
    this.#opened.push({ what, close });
  }

  /** Closes everything, newest first. A failure is logged and holds nothing up. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const { what, close } of this.#opened.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        this.#logger.warn(`${what} could not be closed properly`, { error });
      }
    }
  }
}
