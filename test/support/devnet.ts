/** A devnet of two real chains for integration tests, with the tests' own performer and tasks that have time. */
import { systemClock } from '../../src/base/clock.js';
import { loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { findAnvil } from '../../src/devnet/anvil.js';
import { type Cast, createCast } from '../../src/devnet/cast.js';
import { bringUp, takeDown } from '../../src/devnet/devnet.js';
import type { DevnetState } from '../../src/devnet/state.js';
import { administer, setTaskRules } from './administer.js';
import { loadArtifacts } from './devnet-artifacts.js';
import { type Bundle, bundle } from './performer-bundle.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

export interface TestDevnet {
  readonly folder: string;
  readonly state: DevnetState;
  readonly cast: Cast;
  close(): Promise<void>;
}

/** Some tests start a node again and again while they have one task: no machine is to be too slow for its deadline. */
const TASK_SECONDS = 900;
/** As the devnet has it. */
const CONSENSUS_BIPS = 6_000;

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
    const close = async () => {
      await takeDown(folder.path, false, systemClock);
      await remove();
    };
    const cast = createCast(executors);
    try {
      const bn254 = await loadBn254();
      await administer({ devnet: state, artifacts, cast, bn254, waits: false }, (administration) =>
        setTaskRules(administration, { consensus: CONSENSUS_BIPS, slaSeconds: TASK_SECONDS }),
      );
    } catch (error) {
      await close();
      throw error;
    }
    return { folder: folder.path, state, cast, close };
  } catch (error) {
    await remove();
    throw error;
  }
}
