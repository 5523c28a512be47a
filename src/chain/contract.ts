/** Reading a contract: ABI encoding around `ChainClient.call`, with errors that name contract and function. */
import { type FunctionFragment, Interface, type Result } from 'ethers';
import { type Address, type Hash32, type Hex, type OperatorSet, parseHash32 } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { type G1Point, type G2Point, g2FromWords } from '../crypto/bn254/points.js';
import type { BlockTag, CallRequest, ChainClient } from './client.js';

/** What a reader needs of a chain. */
export type Caller = Pick<ChainClient, 'call' | 'name' | 'chainId'>;

/** The tuple by which the contracts name an operator set. */
export const OPERATOR_SET = '(address avs, uint32 id)';
export const G1_POINT = '(uint256 X, uint256 Y)';
export const G2_POINT = '(uint256[2] X, uint256[2] Y)';

/** A contract's ABI under the name that messages use for it. */
export class ContractAbi {
  readonly name: string;
  readonly interface: Interface;

  constructor(name: string, fragments: readonly string[]) {
    this.name = name;
    this.interface = new Interface(fragments);
  }

  /** Call data of a function. */
  encode(functionName: string, args: readonly unknown[]): Uint8Array {
    return fromHex(this.interface.encodeFunctionData(functionName, args) as Hex);
  }

  /** The event's first topic. */
  topic(eventName: string): Hash32 {
    const event = this.interface.getEvent(eventName);
    if (event === null) throw new RangeError(`${this.name} has no event ${eventName}`);
    return parseHash32(event.topicHash);
  }
}

/** A contract at an address of a chain. */
export class BoundContract {
  readonly address: Address;
  readonly #caller: Caller;
  readonly #abi: ContractAbi;

  constructor(caller: Caller, abi: ContractAbi, address: Address) {
    this.#caller = caller;
    this.#abi = abi;
    this.address = address;
  }

  /**
   * The function's outputs, parsed by `parse`.
   * @throws PonosError CONTRACT_MISSING when nothing answers at the address, CONTRACT_REVERTED, CHAIN_RPC when
   *   the answer is of another shape, and the client's
   */
  async read<T>(
    functionName: string,
    args: readonly unknown[],
    at: BlockTag,
    parse: (outputs: Result) => T,
  ): Promise<T> {
    const fragment = this.#fragment(functionName);
    const request: CallRequest = { to: this.address, data: this.#abi.encode(functionName, args), at };
    const answer = await this.#caller.call(request).catch((error: unknown) => {
      throw this.#named(error, functionName, at);
    });
    if (answer.length === 0) throw this.#missing(functionName, at);
    try {
      return parse(this.#abi.interface.decodeFunctionResult(fragment, toHex(answer)));
    } catch (cause) {
      throw new PonosError('CHAIN_RPC', {
        message: `${this.#abi.name}.${functionName} returned what does not fit its ABI`,
        facts: this.#facts(at),
        advice: 'Check that the address is that of the right contract.',
        cause,
      });
    }
  }

  #fragment(functionName: string): FunctionFragment {
    const fragment = this.#abi.interface.getFunction(functionName);
    if (fragment === null) throw new RangeError(`${this.#abi.name} has no function ${functionName}`);
    return fragment;
  }

  #named(error: unknown, functionName: string, at: BlockTag): unknown {
    if (!(error instanceof PonosError) || error.code !== 'CONTRACT_REVERTED') return error;
    return new PonosError('CONTRACT_REVERTED', {
      message: `${this.#abi.name}.${functionName}: ${error.message}`,
      facts: { ...this.#facts(at), ...error.facts },
      cause: error,
    });
  }

  #missing(functionName: string, at: BlockTag): PonosError {
    return new PonosError('CONTRACT_MISSING', {
      message: `nothing answers to ${this.#abi.name}.${functionName}`,
      facts: this.#facts(at),
      advice: 'Check the address of the contract and that it was deployed by that block.',
    });
  }

  #facts(at: BlockTag) {
    return { address: this.address, chain: this.#caller.name, chainId: this.#caller.chainId, block: at };
  }
}

/** As an ABI argument. */
export function operatorSetArgument(operatorSet: OperatorSet): [string, number] {
  return [operatorSet.avs, operatorSet.id];
}

export function parseG1(tuple: Result): G1Point {
  return { x: tuple[0], y: tuple[1] };
}

export function parseG2(tuple: Result): G2Point {
  const [X, Y] = tuple as unknown as [[bigint, bigint], [bigint, bigint]];
  return g2FromWords({ X: [X[0], X[1]], Y: [Y[0], Y[1]] });
}

/** A list of plain values, e.g. `uint256[]`. */
export function parseList<T>(list: Result, parse: (value: unknown) => T): T[] {
  return list.toArray().map(parse);
}

export function parseBigInt(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new TypeError('not an integer');
  return value;
}

/** An unsigned integer as a number; what exceeds 2^53-1 (a deadline "never") becomes 2^53-1. */
export function parseSmall(value: unknown): number {
  const number = parseBigInt(value);
  return number > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(number);
}

export function parseBytes(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new TypeError('not bytes');
  return fromHex(value as Hex);
}
