/** What is remembered of a devnet between commands: `devnet.json` in its folder. */
import fs from 'node:fs';
import path from 'node:path';
import { type Address, parseAddress } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { isAnvilRunning } from './anvil.js';

export interface DevnetChain {
  readonly name: 'L1' | 'L2';
  readonly chainId: number;
  readonly url: string;
  /** Process id of its anvil. */
  readonly pid: number;
}

export interface DevnetOperator {
  readonly name: string;
  readonly address: Address;
  /** `host:port` as registered on chain; empty for the aggregator. */
  readonly socket: string;
  /** Its configuration file. */
  readonly config: string;
}

export interface DevnetState {
  readonly format: 1;
  readonly chains: readonly DevnetChain[];
  readonly avs: Address;
  readonly mailbox: Address;
  readonly operatorSets: readonly { id: number; curve: 'bn254' | 'ecdsa'; thresholdBips: number }[];
  readonly aggregator: DevnetOperator;
  readonly executors: readonly DevnetOperator[];
  /** File with the private key (0x hex) of the account that creates tasks. */
  readonly userKeyFile: string;
}

const fileIn = (folder: string) => path.join(folder, 'devnet.json');

/** The devnet of a folder, or undefined when none was started there. @throws PonosError DEVNET_FAILED */
export function findDevnet(folder: string): DevnetState | undefined {
  let text: string;
  try {
    text = fs.readFileSync(fileIn(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PonosError('FILE_UNREADABLE', { message: `cannot read ${fileIn(folder)}`, cause: error });
  }
  try {
    const state = JSON.parse(text) as DevnetState;
    if (state.format !== 1) throw new Error(`format ${String(state.format)} is not known`);
    parseAddress(state.avs);
    return state;
  } catch (error) {
    throw new PonosError('DEVNET_FAILED', {
      message: `${fileIn(folder)} is not the description of a devnet`,
      advice: `Remove ${folder} and run \`ponos devnet up\` again.`,
      cause: error,
    });
  }
}

/** Like findDevnet, for commands that need a running one. @throws PonosError DEVNET_FAILED */
export function requireDevnet(folder: string): DevnetState {
  const state = findDevnet(folder);
  const advice = `Run \`ponos devnet up --dir ${folder}\` first.`;
  if (state === undefined)
    throw new PonosError('DEVNET_FAILED', { message: `there is no devnet in ${folder}`, advice });
  const dead = state.chains.find((chain) => !isAnvilRunning(chain));
  if (dead !== undefined) {
    throw new PonosError('DEVNET_FAILED', {
      message: `${dead.name} of the devnet in ${folder} is not running`,
      facts: { pid: dead.pid },
      advice: `Run \`ponos devnet down --dir ${folder}\`, then \`ponos devnet up --dir ${folder}\`.`,
    });
  }
  return state;
}

/** Written last by `up`, by rename, so that a folder with this file has a whole devnet. */
export function saveDevnet(folder: string, state: DevnetState): void {
  const temporary = `${fileIn(folder)}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(temporary, fileIn(folder));
}
