/** How many blocks one request for logs spans: as many as the endpoint takes. Pure. */

export interface RangeSize {
  /** Blocks that the next request spans at most. */
  readonly blocks: number;
  /** The largest size that was answered last. */
  readonly answered: number;
  /** The smallest size that was refused; 0 when none is known. */
  readonly refused: number;
  /** Answers since the last refusal. */
  readonly answers: number;
}

/** A refusal is forgotten after so many answers: limits by results come and go with the logs there are. */
const FORGET_AFTER = 32;

export function firstRange(max: number): RangeSize {
  return { blocks: max, answered: 0, refused: 0, answers: 0 };
}

/**
 * Halved until it is answered, then between what was answered and what was refused, so that an endpoint with a limit is
 * soon asked for just that much.
 * @param asked blocks of the request that was answered or refused
 */
export function nextRange(
  range: RangeSize,
  asked: number,
  outcome: 'answered' | 'refused',
  max: number,
): RangeSize {
  if (outcome === 'refused') {
    const answered = range.answered < asked ? range.answered : 0;
    const blocks = answered > 0 ? answered : Math.max(1, Math.floor(asked / 2));
    return { blocks, answered, refused: asked, answers: 0 };
  }
  // The last part of a stretch is shorter than what could have been asked for.
  const answered = Math.max(asked, Math.min(range.answered, range.blocks));
  const answers = range.answers + 1;
  const refused = answers >= FORGET_AFTER || range.refused <= answered ? 0 : range.refused;
  const larger = refused === 0 ? answered * 2 : Math.floor((answered + refused) / 2);
  return { blocks: Math.min(max, larger), answered, refused, answers };
}
