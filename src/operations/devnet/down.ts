/** `ponos devnet down`. */
import { systemClock } from '../../base/clock.js';
import { takeDown } from '../../devnet/devnet.js';

export async function devnetDown(flags: {
  readonly dir: string;
  readonly purge?: boolean;
  readonly write: (line: string) => void;
}): Promise<void> {
  const stopped = await takeDown(flags.dir, flags.purge === true, systemClock);
  flags.write(stopped.length === 0 ? 'no chain was running' : `stopped ${stopped.join(' and ')}`);
}
