/**
 * Where operators are asked: each AVS's registrar on L1 says under which socket. It is read once and kept, since it
 * hardly ever changes; whoever fails to get an answer there looks again, and finds where an operator went.
 */
import { LRUCache } from 'lru-cache';
import type { Address, BlockNumber } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Caller } from '../chain/contract.js';
import { createAvsRegistrar } from '../chain/contracts/avs-registrar.js';
import type { ChannelPool, ExecutorClient } from '../rpc/channel-pool.js';
import { parseSocketAddress } from '../rpc/socket-address.js';
import { type Lookup, resolvePeer } from './peer-address.js';
import type { PeerPolicy } from './peer-policy.js';

/** Operators times AVSs; each entry is some hundred bytes. */
const MAX_SOCKETS = 16_384;
/** An operator that leaves a socket at which somebody still answers is found at the new one after so long. */
const KEPT_MS = 5 * 60_000;

export interface OperatorPeersOptions {
  readonly l1: Caller;
  /** The newest block of L1 that is known. */
  readonly l1Head: () => BlockNumber;
  readonly policy: PeerPolicy;
  readonly lookup: Lookup;
  readonly channels: Pick<ChannelPool, 'executor'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

interface Reading {
  readonly socket: Promise<string>;
  readonly readAtMs: number;
}

export class OperatorPeers {
  readonly #options: OperatorPeersOptions;
  readonly #known = new LRUCache<string, Reading>({ max: MAX_SOCKETS });

  constructor(options: OperatorPeersOptions) {
    this.#options = options;
  }

  /**
   * The client of where an operator of an AVS is, as far as that is known.
   * @throws PonosError PEER_UNREACHABLE when it has published no socket, what `resolvePeer` throws, and the client's
   */
  async connect(registrar: Address, operator: Address): Promise<ExecutorClient> {
    const { policy, lookup, channels, clock } = this.#options;
    const known = this.#known.get(nameOf(registrar, operator));
    const isFresh = known !== undefined && clock.monotonicMs() - known.readAtMs < KEPT_MS;
    const socket = await (isFresh ? known : this.#read(registrar, operator)).socket;
    if (socket === '') {
      this.forget(registrar, operator);
      throw new PonosError('PEER_UNREACHABLE', { message: 'the operator has published no socket' });
    }
    // Certificates are of the name that the operator has published, whatever address it has now.
    return channels.executor(await resolvePeer(socket, policy, lookup), parseSocketAddress(socket).host);
  }

  /** Reads anew, and says whether that is another socket than the one that was known. False when it cannot be read. */
  async hasMoved(registrar: Address, operator: Address): Promise<boolean> {
    const known = this.#known.peek(nameOf(registrar, operator));
    const read = this.#read(registrar, operator);
    try {
      const before = await known?.socket;
      return before !== undefined && before !== (await read.socket);
    } catch {
      return false; // the next `connect` tells why
    }
  }

  /** The next `connect` reads anew. */
  forget(registrar: Address, operator: Address): void {
    this.#known.delete(nameOf(registrar, operator));
  }

  /** At the head as a block of its own, so that all who look again within a block share the answer. */
  #read(registrar: Address, operator: Address): Reading {
    const { l1, l1Head, clock } = this.#options;
    const name = nameOf(registrar, operator);
    const socket = createAvsRegistrar(l1, registrar).getOperatorSocket(operator, l1Head());
    const reading = { socket, readAtMs: clock.monotonicMs() };
    this.#known.set(name, reading);
    socket.catch(() => {
      if (this.#known.peek(name) === reading) this.#known.delete(name);
    });
    return reading;
  }
}

function nameOf(registrar: Address, operator: Address): string {
  return `${registrar}/${operator}`;
}
