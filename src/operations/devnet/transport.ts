/** `ponos devnet transport`. */
import { systemClock } from '../../base/clock.js';
import { transportNow } from '../../devnet/devnet.js';
import { loadArtifacts } from './artifacts.js';

export async function devnetTransport(flags: {
  readonly dir: string;
  readonly write: (line: string) => void;
}): Promise<void> {
  const tables = await transportNow(flags.dir, await loadArtifacts(), systemClock);
  flags.write(
    `tables of ${tables.operatorSets.length} operator sets as of L1 block ${tables.referenceBlock} ` +
      `are on both chains; reference timestamp ${tables.referenceTimestamp}`,
  );
}
