/** What it means when standard output cannot be written: neither a store nor this program is at fault. */
import { PonosError } from './error.js';

/** Errors of ours stay as they are: they are of what was to be written. */
export function outputFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PonosError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  if (code === 'EPIPE') {
    return new PonosError('ABORTED', { message: 'whoever read the output has gone away', cause: error });
  }
  return new PonosError('FILE_UNWRITABLE', {
    message: 'standard output cannot be written: what is there is not whole',
    facts: { reason: code },
    advice: 'Check that there is room where it goes to.',
    cause: error,
  });
}
