import { describe, expect, test } from '@jest/globals';
import { GasMemory } from '../../../src/aggregator/gas-memory.js';
import { PonosError } from '../../../src/base/error.js';
import { operatorAddress } from './world.js';

const reverted = () => new PonosError('CONTRACT_REVERTED', { message: 'no' });

/** A node that counts estimates and calls; `needs` is the gas below which a call reverts. */
function world() {
  const state = {
    needs: 100n,
    estimates: 0,
    calls: [] as bigint[],
    fails: undefined as PonosError | undefined,
  };
  const memory = new GasMemory();
  const simulate = (kind: string) =>
    memory.simulate({
      kind,
      call: { to: operatorAddress(1), data: Uint8Array.of(1) },
      client: {
        ask: async (_method, [transaction], _delivery, parse) => {
          const gas = BigInt((transaction as { gas: string }).gas);
          state.calls.push(gas);
          if (state.fails !== undefined || gas < state.needs) throw state.fails ?? reverted();
          return parse('0x');
        },
      },
      sender: {
        address: operatorAddress(2),
        simulate: async () => {
          state.estimates += 1;
          if (state.fails !== undefined) throw state.fails;
          return state.needs;
        },
      },
    });
  return { state, simulate };
}

describe('GasMemory', () => {
  test('default: the first of a kind is estimated, the others run once with a tenth more gas', async () => {
    const { state, simulate } = world();
    expect(await Promise.all([simulate('a'), simulate('a'), simulate('a')])).toEqual([100n, 100n, 100n]);
    expect(state).toMatchObject({ estimates: 1, calls: [110n, 110n] });
  });

  test('behavior: each kind has its own gas', async () => {
    const { state, simulate } = world();
    await simulate('a');
    await simulate('b');
    expect(state.estimates).toBe(2);
  });

  test('behavior: a call that needs more is estimated anew, and remembered so', async () => {
    const { state, simulate } = world();
    await simulate('a');
    state.needs = 500n;
    expect(await simulate('a')).toBe(500n);
    expect(await simulate('a')).toBe(500n);
    expect(state.estimates).toBe(2);
  });

  test('error: a revert is told as the estimate tells it, and nothing is remembered of it', async () => {
    const { state, simulate } = world();
    state.fails = reverted();
    await expect(simulate('a')).rejects.toBe(state.fails);
    state.fails = undefined;
    expect(await simulate('a')).toBe(100n);
    expect(state.estimates).toBe(2);
  });

  test('error: an endpoint that does not answer is not asked for an estimate', async () => {
    const { state, simulate } = world();
    await simulate('a');
    state.fails = new PonosError('CHAIN_UNREACHABLE', { message: 'down' });
    await expect(simulate('a')).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    expect(state.estimates).toBe(1);
  });
});
