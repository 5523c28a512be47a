/**
 * Writes one after the other, those that wait together in one. After a failed one the database is opened anew first:
 * LevelDB would go on behind the half-written entry that a full disk leaves in its log, call those later writes durable,
 * and drop them with the broken entry when the log is read again.
 */
import type { WriteOperation } from './key-value-store.js';

export interface GroupWriterOptions {
  /** Writes all of the operations or none. */
  readonly write: (operations: readonly WriteOperation[]) => Promise<void>;
  /** Opens anew what is written to; called before the first write after a failed one. */
  readonly renew: () => Promise<void>;
}

export interface GroupWriter {
  /** Resolves when the operations are written; rejects with what `write` or `renew` threw, having changed nothing. */
  write(operations: readonly WriteOperation[]): Promise<void>;
  /** Resolves when nothing is being written and nothing waits; never rejects. */
  idle(): Promise<void>;
}

interface Group {
  readonly operations: WriteOperation[];
  readonly written: Promise<void>;
}

export function createGroupWriter({ write, renew }: GroupWriterOptions): GroupWriter {
  let collecting: Group | undefined;
  let lastSettled: Promise<void> = Promise.resolve();
  let isBroken = false;

  async function writeAll(operations: readonly WriteOperation[]): Promise<void> {
    if (isBroken) await renew();
    isBroken = true;
    await write(operations);
    isBroken = false;
  }

  function openGroup(): Group {
    const operations: WriteOperation[] = [];
    const written = lastSettled.then(() => {
      collecting = undefined;
      return writeAll(operations);
    });
    lastSettled = written.catch(() => undefined);
    return { operations, written };
  }

  return {
    write(operations) {
      collecting ??= openGroup();
      for (const operation of operations) collecting.operations.push(operation);
      return collecting.written;
    },
    async idle() {
      for (let seen = lastSettled; ; seen = lastSettled) {
        await seen;
        if (seen === lastSettled) return;
      }
    },
  };
}
