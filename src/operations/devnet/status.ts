/** `ponos devnet status`. */
import { formatEther } from 'ethers';
import { type DevnetDescription, describeDevnet } from '../../devnet/describe.js';
import { type DevnetState, requireDevnet } from '../../devnet/state.js';
import { renderTable } from '../table.js';
import { loadArtifacts } from './artifacts.js';

/** The text to print. */
export async function devnetStatus(flags: {
  readonly dir: string;
  readonly json?: boolean;
}): Promise<string> {
  const state = requireDevnet(flags.dir);
  const description = await describeDevnet(state, await loadArtifacts());
  if (flags.json) return `${JSON.stringify(description, null, 2)}\n`;
  return `${renderChains(description)}\n\n${renderOperators(state, description)}\n`;
}

function renderChains({ chains }: DevnetDescription): string {
  return renderTable([
    ['chain', 'id', 'endpoint', 'block', 'time', 'tables as of'],
    ...chains.map((chain) => [
      chain.name,
      String(chain.chainId),
      chain.url,
      String(chain.block),
      time(chain.timestampSeconds),
      time(chain.referenceTimestamp),
    ]),
  ]);
}

function renderOperators(state: DevnetState, { operators }: DevnetDescription): string {
  const sets = state.operatorSets.map((set) => ({ ...set, key: String(set.id) }));
  return renderTable([
    ['operator', 'address', 'socket', ...sets.map((set) => `stake in set ${set.key} (${set.curve})`)],
    ...operators.map(({ name, address, socket, stake }) => [
      name,
      address,
      socket === '' ? '-' : socket,
      ...sets.map(({ key }) => {
        const weight = stake[key];
        return weight === undefined ? '-' : formatEther(weight);
      }),
    ]),
  ]);
}

const time = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
