/** Asks for a password on a terminal, without showing it. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Asks once. @throws PonosError ABORTED on Ctrl-C or a closed terminal */
export async function askPassword(terminal: Terminal, question: string): Promise<Secret> {
  return withHiddenLines(terminal, (ask) => ask(question));
}

/** Asks for a new password, twice. @throws PonosError USAGE when it is empty or they differ, ABORTED */
export async function askNewPassword(terminal: Terminal): Promise<Secret> {
  return withHiddenLines(terminal, async (ask) => {
    const password = await ask('Password for the new keystore: ');
    if (password.reveal() === '') {
      throw new PonosError('USAGE', {
        message: 'the password is empty',
        advice: 'Enter one, or ask for a random one with --use-random-password.',
      });
    }
    const again = await ask('The same again: ');
    if (again.reveal() !== password.reveal())
      throw new PonosError('USAGE', { message: 'the passwords differ' });
    return password;
  });
}

/** One reader for all questions, so that what is typed ahead is not lost between them. */
async function withHiddenLines<T>(
  { input, output }: Terminal,
  use: (ask: (question: string) => Promise<Secret>) => Promise<T>,
): Promise<T> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input, output: unseen, terminal: true, historySize: 0 });
  reader.once('SIGINT', () => reader.close());
  const lines = reader[Symbol.asyncIterator]();
  try {
    return await use(async (question) => {
      output.write(question);
      const line = await lines.next();
      output.write('\n');
      if (line.done) throw new PonosError('ABORTED', { message: 'no password was entered' });
      return new Secret(line.value);
    });
  } finally {
    reader.close();
  }
}
