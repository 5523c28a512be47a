/** What tasks share and are let at in fair turns, with how many at once. */
import type { ChainId } from '../base/brands.js';
import { MOST_SENDING } from '../chain/nonces.js';
import { FairGate } from './fair-gate.js';

/** Signatures for submissions: a millisecond each, of the one thread that everything else needs, too. */
const SIGNING = 4;
/** Responses: the batch that is verified and the next one, so that the thread never waits for the other. */
const VERIFYING = 64;
/** The most responses of one batch: above it they get hardly cheaper, and whoever comes next waits longer. */
export const VERIFIED_TOGETHER = VERIFYING / 2;
/**
 * Results that are simulated: as many as the sender hands to a node at once, so that it never waits for the next one. A
 * turn ends when the result has its nonce.
 */
const SUBMITTING = MOST_SENDING;

export class FairStages {
  readonly signing: FairGate;
  readonly verifying: FairGate;
  readonly #submitting = new Map<ChainId, FairGate>();
  readonly #avsCount: () => number;

  /** @param avsCount AVSs whose tasks may come */
  constructor(avsCount: () => number) {
    this.#avsCount = avsCount;
    this.signing = new FairGate({ maxConcurrent: SIGNING, avsCount });
    this.verifying = new FairGate({ maxConcurrent: VERIFYING, avsCount });
  }

  /** One for each chain: that one does not answer holds up no other. */
  submitting(chainId: ChainId): FairGate {
    const known = this.#submitting.get(chainId);
    if (known !== undefined) return known;
    const gate = new FairGate({ maxConcurrent: SUBMITTING, avsCount: this.#avsCount });
    this.#submitting.set(chainId, gate);
    return gate;
  }
}
