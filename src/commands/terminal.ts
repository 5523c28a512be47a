/** The terminal of a command; loaded when the command runs. */
import type { Terminal } from '../operations/terminal.js';

export async function terminal(): Promise<Terminal> {
  const { processTerminal } = await import('../operations/terminal.js');
  return processTerminal();
}
