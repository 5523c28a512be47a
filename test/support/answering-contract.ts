/** A contract that says what a test wants it to say: certain bytes to certain calls, returned or reverted with. */
import { concat, dataLength, type Interface, toBeHex } from 'ethers';

export type ContractAnswer =
  /** ABI values, as the function's ABI has them. */
  | { readonly returns: readonly unknown[] }
  /** Raw bytes, hex. */
  | { readonly reverts: string };

const HEADER = '0x5f3560e01c'; // the call's selector on the stack
const CHECK_BYTES = 11;
const OTHERWISE = '0x60205ff3'; // 32 zero bytes: nothing, zero or false, whatever is expected
const BODY_BYTES = 14;

/** Runtime bytecode; every other call is answered with zeros. */
export function answeringContract(
  abi: Interface,
  answers: Readonly<Record<string, ContractAnswer>>,
): `0x${string}` {
  const entries = Object.entries(answers).map(([name, answer]) => ({
    selector: selectorOf(abi, name),
    data: 'reverts' in answer ? answer.reverts : abi.encodeFunctionResult(name, answer.returns),
    end: 'reverts' in answer ? '0xfd' : '0xf3',
  }));
  const bodies = dataLength(HEADER) + entries.length * CHECK_BYTES + dataLength(OTHERWISE);
  let at = bodies + entries.length * BODY_BYTES;
  const checks: string[] = [];
  const parts: string[] = [];
  for (const [index, { selector, data, end }] of entries.entries()) {
    const target = toBeHex(bodies + index * BODY_BYTES, 2);
    checks.push('0x8063', selector, '0x1461', target, '0x57');
    const [length, offset] = [toBeHex(dataLength(data), 2), toBeHex(at, 2)];
    parts.push('0x5b61', length, '0x61', offset, '0x5f3961', length, '0x5f', end);
    at += dataLength(data);
  }
  return concat([
    HEADER,
    ...checks,
    OTHERWISE,
    ...parts,
    ...entries.map(({ data }) => data),
  ]) as `0x${string}`;
}

function selectorOf(abi: Interface, name: string): string {
  const fragment = abi.getFunction(name);
  if (fragment === null) throw new Error(`the contract has no function ${name}`);
  return fragment.selector;
}
