import { describe, expect, test } from '@jest/globals';
import { blockNumber, parseHash32 } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { FeeQuotes } from '../../../src/chain/fee-quotes.js';

const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const head = (n: number) => ({
  number: blockNumber(n),
  hash: hash(n),
  parentHash: hash(n - 1),
  timestampSeconds: n,
  baseFeePerGas: 10n,
});

function world(answers: readonly (bigint | PonosError)[]) {
  const state = { asked: 0 };
  const priorityFee = async () => {
    const answer = answers[state.asked++] ?? 0n;
    if (answer instanceof PonosError) throw answer;
    return answer;
  };
  return {
    state,
    quotes: new FeeQuotes({ account: { priorityFee }, chain: 'scripted', maxFeeGwei: undefined }),
  };
}

describe('FeeQuotes', () => {
  test('default: the suggestion is asked for once for each head, by all who ask at once', async () => {
    const { quotes, state } = world([1n, 2n]);
    const all = await Promise.all([1, 2, 3].map(() => quotes.initial(head(1))));
    expect(all).toEqual(Array(3).fill({ maxFeePerGas: 21n, maxPriorityFeePerGas: 1n }));
    expect(state.asked).toBe(1);
    expect(await quotes.initial(head(2))).toEqual({ maxFeePerGas: 22n, maxPriorityFeePerGas: 2n });
  });

  test('behavior: a failure is not kept', async () => {
    const { quotes } = world([new PonosError('CHAIN_UNREACHABLE', { message: 'down' }), 3n]);
    await expect(quotes.market(head(1))).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    expect(await quotes.market(head(1))).toMatchObject({ priorityFeePerGas: 3n });
  });
});
