/** A devnet of two real chains for integration tests, with the tests' own performer. */
import { systemClock } from '../../src/base/clock.js';
import { findAnvil } from '../../src/devnet/anvil.js';
import { type Cast, createCast } from '../../src/devnet/cast.js';
import { bringUp, takeDown } from '../../src/devnet/devnet.js';
import type { DevnetState } from '../../src/devnet/state.js';
import { loadArtifacts } from './devnet-artifacts.js';
import { type Bundle, bundle } from './performer-bundle.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

export interface TestDevnet {
  readonly folder: string;
  readonly state: DevnetState;
  readonly cast: Cast;
  close(): Promise<void>;
}

export async function startDevnet(executors: number): Promise<TestDevnet> {
  await loadArtifacts();
  const { default: artifacts } = await import('#devnet-contracts');
  const folder: TemporaryFolder = await temporaryFolder();
  const performer: Bundle = await bundle('test/support/performer-program.ts');
  const remove = async () => {
    performer.remove();
    await folder.remove();
  };
  try {
    const state = await bringUp(
      {
        folder: folder.path,
        l1Port: 0,
        l2Port: 0,
        executorPort: 0,
        managementPort: 0,
        executors,
        blockTimeSeconds: 1,
        performer: { mode: 'process', command: [process.execPath, performer.path] },
      },
      {
        artifacts,
        anvil: findAnvil(process.env, [process.cwd()]),
        clock: systemClock,
        report: () => undefined,
      },
    );
    return {
      folder: folder.path,
      state,
      cast: createCast(executors),
      close: async () => {
        await takeDown(folder.path, false, systemClock);
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
