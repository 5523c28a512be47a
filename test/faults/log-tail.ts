/** The lines of a growing log file, told as soon as they are written: a kill must come within a millisecond or so. */
import fs from 'node:fs';
import { abortError } from '../../src/base/clock.js';

export interface LogTail {
  /** Resolves when this message has been logged so many times from now on. @throws the signal's reason */
  logged(message: string, times: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** @param file made if it is not there; what it holds already is not told */
export function tailLog(file: string): LogTail {
  const handle = fs.openSync(file, 'a+', 0o600);
  const buffer = Buffer.alloc(64 * 1024);
  const listeners = new Set<(line: string) => void>();
  let position = fs.fstatSync(handle).size;
  let partial = '';
  const read = () => {
    for (;;) {
      const length = fs.readSync(handle, buffer, 0, buffer.length, position);
      if (length === 0) return;
      position += length;
      // The messages looked for are ASCII: a letter cut in two elsewhere does no harm.
      const lines = (partial + buffer.toString('utf8', 0, length)).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) for (const listener of listeners) listener(line);
    }
  };
  const watcher = fs.watch(file, read);
  return {
    logged: (message, times, signal) =>
      new Promise((resolve, reject) => {
        let left = times;
        const end = (settle: () => void) => {
          listeners.delete(listener);
          signal.removeEventListener('abort', onAbort);
          settle();
        };
        const listener = (line: string) => {
          if (!tellsOf(line, message)) return;
          left -= 1;
          if (left === 0) end(resolve);
        };
        const onAbort = () => end(() => reject(abortError(signal)));
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        listeners.add(listener);
      }),
    close() {
      watcher.close();
      fs.closeSync(handle);
    },
  };
}

/** Whether a line of the text format has this very message; its fields follow it, or nothing. */
function tellsOf(line: string, message: string): boolean {
  const rest = line.split(/ (?:DEBUG|INFO|WARN|ERROR) +/, 2)[1];
  return (
    rest === message ||
    (rest?.startsWith(`${message} `) === true && /^ \w+=/.test(rest.slice(message.length)))
  );
}
