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
  terminal.output.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.input, output: unseen, terminal: true, historySize: 0 });
  try {
    return await new Promise<Secret>((resolve, reject) => {
      lines.once('line', (line) => resolve(new Secret(line)));
      lines.once('SIGINT', () => lines.close());
      // After a line this comes too late to matter.
      lines.once('close', () => reject(new PonosError('ABORTED', { message: 'no password was entered' })));
    });
  } finally {
    lines.close();
    terminal.output.write('\n');
  }
}

/** Asks for a new password, twice. @throws PonosError USAGE when it is empty or they differ, ABORTED */
export async function askNewPassword(terminal: Terminal): Promise<Secret> {
  const password = await askPassword(terminal, 'Password for the new keystore: ');
  if (password.reveal() === '') {
    throw new PonosError('USAGE', {
      message: 'the password is empty',
      advice: 'Enter one, or ask for a random one with --use-random-password.',
    });
  }
  const again = await askPassword(terminal, 'The same again: ');
  if (again.reveal() !== password.reveal())
    throw new PonosError('USAGE', { message: 'the passwords differ' });
  return password;
}
