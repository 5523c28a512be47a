/** The faults of a simulation, each for a while, at the proxies before a chain. */
import type { ActiveFault, Fault, FaultProxy, RpcAnswer } from '../support/fault-proxy.js';
import {
  answerNull,
  drop,
  emptyLogs,
  hold,
  httpStatus,
  lag,
  limitExceeded,
  tooManyRequests,
} from '../support/fault-proxy-faults.js';
import type { RpcBlock } from './sim-chain.js';
import type { FaultName, Step } from './sim-plan.js';

type FaultStep = Extract<Step, { kind: 'fault' }>;

interface Running {
  readonly endsAtStep: number;
  readonly active: readonly ActiveFault[];
  readonly release: () => void;
}

const LAG_BLOCKS = 2;

/** The faults at the endpoints of one chain. */
export class SimFaults {
  readonly #proxies: readonly FaultProxy[];
  #running: Running[] = [];
  /** What the chain was before the last reorg. */
  #former: readonly RpcBlock[] = [];

  constructor(proxies: readonly FaultProxy[]) {
    this.#proxies = proxies;
  }

  begin({ fault, endpoints, times, steps }: FaultStep, step: number): void {
    const held = hold();
    const active = endpoints.flatMap(
      (index) => this.#proxies[index]?.set(this.#faultOf(fault, held.fault), scopeOf(fault, times)) ?? [],
    );
    this.#running.push({ endsAtStep: step + steps, active, release: held.release });
  }

  /** Ends those whose time is over; all of them without a step. */
  end(step = Number.POSITIVE_INFINITY): void {
    const over = this.#running.filter(({ endsAtStep }) => endsAtStep <= step);
    this.#running = this.#running.filter(({ endsAtStep }) => endsAtStep > step);
    for (const { active, release } of over) {
      for (const one of active) one.end();
      release();
    }
  }

  replaced(blocks: readonly RpcBlock[]): void {
    if (blocks.length > 0) this.#former = blocks;
  }

  #faultOf(name: FaultName, held: Fault): Fault {
    switch (name) {
      case 'drop':
        return drop;
      case 'delay':
        return held;
      case 'too many requests':
        return tooManyRequests();
      case 'null':
        return answerNull;
      case 'lag':
        return lag(LAG_BLOCKS);
      case 'empty logs':
        return emptyLogs;
      case 'error 500':
        return httpStatus(500);
      case 'limit exceeded':
        return limitExceeded;
      case 'unsent':
        return unsent;
      case 'flip':
        return byTurns(this.#former);
    }
  }
}

/** Some faults only make sense for some requests. */
function scopeOf(fault: FaultName, times: number): { methods?: string[]; times: number } {
  if (fault === 'unsent') return { methods: ['eth_sendRawTransaction'], times };
  // What no honest endpoint answers with null is another kind of broken.
  if (fault === 'null') return { methods: NULLABLE, times };
  return { times };
}

const NULLABLE = ['eth_getBlockByNumber', 'eth_getBlockByHash', 'eth_getTransactionReceipt'];

/** The transaction is sent, and the connection breaks before that is told. */
const unsent: Fault = async (request, pass) => {
  await pass(request);
  return { drop: true };
};

/** Every other request for a block or for logs is answered by the fork that is none any more. */
function byTurns(former: readonly RpcBlock[]): Fault {
  let turn = 0;
  const at = (tag: unknown) =>
    tag === 'latest' ? former.at(-1) : former.find(({ number, hash }) => number === tag || hash === tag);
  return async (request, pass): Promise<RpcAnswer | Awaited<ReturnType<typeof pass>>> => {
    turn += 1;
    if (turn % 2 === 0) return pass(request);
    const { method, params } = request;
    if (method === 'eth_getBlockByNumber' || method === 'eth_getBlockByHash') {
      const block = at(params[0]);
      return block === undefined ? pass(request) : { result: block };
    }
    return pass(request);
  };
}
