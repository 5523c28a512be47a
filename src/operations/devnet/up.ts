/** `ponos devnet up`. */
import fs from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { findAnvil } from '../../devnet/anvil.js';
import { bringUp } from '../../devnet/devnet.js';
import type { DevnetState } from '../../devnet/state.js';
import type { DevnetPerformer } from '../../devnet/write-configs.js';
import { abortOnInterrupt } from '../interrupt.js';
import { loadArtifacts } from './artifacts.js';

export interface DevnetUpFlags {
  readonly dir: string;
  readonly l1Port: number;
  readonly l2Port: number;
  readonly executorPort: number;
  readonly managementPort: number;
  readonly executors: number;
  readonly blockTime: number;
  readonly docker?: string;
  readonly write: (line: string) => void;
}

export async function devnetUp(flags: DevnetUpFlags): Promise<DevnetState> {
  const interrupt = abortOnInterrupt();
  try {
    const state = await bringUp(
      {
        folder: flags.dir,
        l1Port: flags.l1Port,
        l2Port: flags.l2Port,
        executorPort: flags.executorPort,
        managementPort: flags.managementPort,
        executors: flags.executors,
        blockTimeSeconds: flags.blockTime,
        performer: choosePerformer(flags.docker),
      },
      {
        artifacts: await loadArtifacts(),
        anvil: findAnvil(process.env, [process.cwd(), executableFolder()]),
        clock: systemClock,
        signal: interrupt.signal,
        report: flags.write,
      },
    );
    flags.write('');
    flags.write(`AVS ${state.avs}, operator sets ${describeSets(state)}`);
    flags.write('Start the nodes:');
    for (const node of [state.aggregator]) flags.write(`  ponos aggregator start --config ${node.config}`);
    for (const node of state.executors) flags.write(`  ponos executor start --config ${node.config}`);
    flags.write('Then create a task:');
    flags.write(`  ponos task create --devnet ${flags.dir} --operator-set 1 --payload-text 0x07 --wait`);
    return state;
  } finally {
    interrupt.release();
  }
}

const describeSets = (state: DevnetState) =>
  state.operatorSets.map((set) => `${set.id} (${set.curve}, ${set.thresholdBips} bips)`).join(' and ');

/** A container image, or the example performer that is built beside the executable. */
function choosePerformer(image: string | undefined): DevnetPerformer {
  if (image !== undefined) {
    const [, repository, tag] = /^(.+?)(?::([^:/]+))?$/.exec(image) ?? [];
    return { mode: 'docker', repository: repository ?? image, tag: tag ?? 'latest' };
  }
  const bundle = path.join(executableFolder(), 'example-performer.cjs');
  if (!fs.existsSync(bundle)) {
    throw new PonosError('DEVNET_FAILED', {
      message: `the example performer is not there (${bundle})`,
      advice: 'Run `make build` in a checkout of ponos, or give --docker IMAGE.',
    });
  }
  return { mode: 'process', command: [process.execPath, bundle] };
}

/** Where the running executable is: build.mjs puts its companions beside it. */
export function executableFolder(): string {
  return path.dirname(fs.realpathSync(process.argv[1] ?? '.'));
}
