/** What a task costs at the chain's endpoint: requests by method, with few and with many operators. */
import { systemClock } from '../../src/base/clock.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import type { LoadWorld } from '../support/load-world.js';
import { type Load, tasksOf, withLoad } from './load.js';
import type { BenchResult } from './result.js';

const OPERATORS = [4, 50];
const WARM_TASKS = 10;
const BURST = 10;
const WARM_BURST = `warm, ${BURST} a block`;
const LIMIT = 10;
/** More operators take longer, and every block mined meanwhile has requests of its own. */
const MOST_MORE = 2;
const SETTLE_MS = 500;
/** Heads are polled whether there are tasks or not. */
const POLL = 'eth_getBlockByNumber latest';

type Counts = Readonly<Record<string, number>>;

interface Column {
  readonly name: string;
  readonly operators: number;
  readonly tasks: number;
  readonly counts: Counts;
  /** HTTP exchanges, the polling's too: a batch of requests is one. */
  readonly exchanges: number;
}

export async function benchRpc(): Promise<BenchResult> {
  const columns: Column[] = [];
  for (const operators of OPERATORS) columns.push(...(await measure(operators)));
  const perTask = ({ counts, tasks }: Column, method: string) => (counts[method] ?? 0) / tasks;
  const total = (column: Column) =>
    Object.keys(column.counts)
      .filter((method) => method !== POLL)
      .reduce((sum, method) => sum + perTask(column, method), 0);
  const methods = [...new Set(columns.flatMap(({ counts }) => Object.keys(counts)))].sort();
  const [few = Number.NaN, many = Number.NaN] = columns.filter(({ name }) => name === WARM_BURST).map(total);
  return {
    question:
      'requests to the endpoint per task, by method: BN254, one chain, one task a block unless said otherwise',
    table: [
      ['method', ...columns.map(({ name, operators }) => `${name}, n=${operators}`)],
      ...methods.map((method) => [method, ...columns.map((column) => perTask(column, method).toFixed(1))]),
      ['all but the polling', ...columns.map((column) => total(column).toFixed(1))],
      ['HTTP exchanges, with it', ...columns.map(({ exchanges, tasks }) => (exchanges / tasks).toFixed(1))],
    ],
    claim: `with the table known and ${BURST} tasks a block, a task costs fewer than ${LIMIT} requests, and with 50 operators at most ${MOST_MORE} more than with 4`,
    passed: many < LIMIT && many - few <= MOST_MORE,
    figures: { columns },
  };
}

/** Cold: the first task of an aggregator. Warm: those after it, each in a block of its own, then some in one block. */
async function measure(operators: number): Promise<Column[]> {
  const proxies: FaultProxy[] = [];
  const counts = new Map<string, number>();
  /** The chain behind a proxy that counts. */
  const countedChain = async (world: LoadWorld) => {
    const proxy = await startFaultProxy([world.anvil.url]);
    proxies.push(proxy);
    proxy.set((request, pass) => {
      const name = request.params[0] === 'latest' ? `${request.method} latest` : request.method;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return pass(request);
    });
    return { chains: [{ name: 'L1', chainId: 31_337, rpcUrl: proxy.url, pollIntervalMs: 200 }] };
  };
  const settings = {
    executors: operators,
    avss: 1,
    curve: 'bn254',
    slaSeconds: 600,
    config: countedChain,
  } as const;
  try {
    return await withLoad(settings, async (load) => {
      const count = async (name: string, blocks: number, perBlock: number): Promise<Column> => {
        counts.clear();
        for (const proxy of proxies) proxy.resetCounts();
        for (let block = 0; block < blocks; block += 1) await oneBlock(load, perBlock);
        const exchanges = proxies.reduce((sum, proxy) => sum + proxy.exchanges, 0);
        return { name, operators, tasks: blocks * perBlock, counts: Object.fromEntries(counts), exchanges };
      };
      return [
        await count('cold', 1, 1),
        await count('warm', WARM_TASKS, 1),
        await count(WARM_BURST, 2, BURST),
      ];
    });
  } finally {
    for (const proxy of proxies) await proxy.close();
  }
}

/** The chain stands still but for the block with the tasks and those with their results. */
async function oneBlock({ world, aggregator }: Load, count: number): Promise<void> {
  await world.send(tasksOf(world, count));
  const first = (await world.client.head()).number + 1;
  await world.anvil.rpc('evm_mine');
  // A result is accepted in a later block than its task's.
  while ((await world.verified(first)).size < count) {
    await Promise.race([systemClock.sleep(SETTLE_MS), aggregator.broken]);
    await world.anvil.rpc('evm_mine');
  }
  // Until the aggregator has seen the receipts, and has nothing more to ask.
  await systemClock.sleep(SETTLE_MS);
}
