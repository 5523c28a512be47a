/** Two anvils with the same blocks until they are parted, and a third one of another chain id. */
import { type Anvil, startAnvil } from './anvil.js';
import { emitLog, placeLogEmitter } from './log-emitter.js';

const START_SECONDS = 1_700_000_000;

export interface TwinChains {
  readonly main: Anvil;
  readonly fork: Anvil;
  /** Chain id 5. */
  readonly foreign: Anvil;
  /** Mines a block with one event on both; they stay the same as long as they are not parted. */
  mineOnBoth(topic: string): Promise<void>;
  /** The next blocks of the fork differ. */
  part(): void;
  close(): Promise<void>;
}

/** Chain id 31337, with the emitter of events in place. */
export async function startTwinChains(): Promise<TwinChains> {
  const args = ['--timestamp', String(START_SECONDS)];
  const [main, fork, foreign] = await Promise.all([
    startAnvil({ chainId: 31337, args }),
    startAnvil({ chainId: 31337, args }),
    startAnvil({ chainId: 5 }),
  ]);
  await Promise.all([main, fork].map(placeLogEmitter));
  let seconds = START_SECONDS;
  let skew = 0;
  const mine = async (anvil: Anvil, topic: string, timestamp: number) => {
    await emitLog(anvil, topic);
    await anvil.rpc('evm_setNextBlockTimestamp', timestamp);
    await anvil.rpc('evm_mine');
  };
  return {
    main,
    fork,
    foreign,
    mineOnBoth: async (topic) => {
      seconds += 2;
      await Promise.all([mine(main, topic, seconds), mine(fork, topic, seconds + skew)]);
    },
    part: () => {
      skew = 1;
    },
    close: async () => {
      await Promise.all([main.close(), fork.close(), foreign.close()]);
    },
  };
}
