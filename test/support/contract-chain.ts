/**
 * A chain whose every block and second the test decides, with the devnet's contracts on it. Anyone may
 * be the sender of a transaction, and a revert is an error that names itself as the contract does.
 */
import { type ErrorFragment, Interface, type LogDescription, type Result } from 'ethers';
import { type Anvil, startAnvil } from './anvil.js';
import { type Artifact, loadArtifacts } from './devnet-artifacts.js';

// Osaka's limit for one transaction (EIP-7825).
const GAS = '0x1000000';

/** A contract that stands at its address. */
export interface Placed {
  readonly address: string;
  readonly abi: Interface;
}

/** `message` is the error with its arguments, e.g. `InvalidTaskStatus(1, 2)`, or the reason string. */
export class Reverted extends Error {
  override readonly name = 'Reverted';
}

interface Receipt {
  readonly status: string;
  readonly gasUsed: string;
  readonly logs: readonly { readonly address: string; readonly topics: string[]; readonly data: string }[];
}

export class ContractChain {
  readonly #anvil: Anvil;
  readonly #artifacts: ReadonlyMap<string, Artifact>;
  readonly #errors: Interface;
  #nowSeconds: number;

  private constructor(anvil: Anvil, artifacts: ReadonlyMap<string, Artifact>, nowSeconds: number) {
    this.#anvil = anvil;
    this.#artifacts = artifacts;
    const errors = new Map<string, ErrorFragment>();
    for (const { abi } of artifacts.values()) abi.forEachError((error) => errors.set(error.selector, error));
    this.#errors = new Interface([...errors.values()]);
    this.#nowSeconds = nowSeconds;
  }

  static async start(genesisSeconds: number): Promise<ContractChain> {
    const artifacts = await loadArtifacts();
    const args = ['--timestamp', String(genesisSeconds), '--auto-impersonate', '--gas-price', '0'];
    const anvil = await startAnvil({ chainId: 31337, args: [...args, '--base-fee', '0'] });
    return new ContractChain(anvil, artifacts, genesisSeconds);
  }

  /** Time of the head. */
  get nowSeconds(): number {
    return this.#nowSeconds;
  }

  /** Code alone, as the devnet places it: nothing of a constructor. */
  async place(name: string, address: string): Promise<Placed> {
    const artifact = this.#artifacts.get(name);
    if (artifact === undefined) throw new Error(`there is no contract ${name}`);
    await this.#anvil.rpc('anvil_setCode', address, artifact.deployedBytecode);
    return { address, abi: artifact.abi };
  }

  /** Reads at the head; one answer comes bare, several as a tuple. @throws Reverted */
  async call(contract: Placed, method: string, args: readonly unknown[], from?: string) {
    const data = contract.abi.encodeFunctionData(method, args);
    const answer = await this.#ethCall({ from, to: contract.address, data, gas: GAS });
    const result: Result = contract.abi.decodeFunctionResult(method, answer);
    return result.length === 1 ? result[0] : result;
  }

  /** Sends in a block of its own, one second later or at the given time. @throws Reverted */
  async send(from: string, contract: Placed, method: string, args: readonly unknown[], atSeconds?: number) {
    const data = contract.abi.encodeFunctionData(method, args);
    const transaction = { from, to: contract.address, data, gas: GAS, gasPrice: '0x0' };
    const hash = await this.#anvil.rpc<string>('eth_sendTransaction', transaction);
    await this.mine(atSeconds);
    const receipt = await this.#anvil.rpc<Receipt>('eth_getTransactionReceipt', hash);
    if (receipt.status !== '0x1') throw this.#reverted(await this.#revertDataOf(hash));
    return { gasUsed: Number(receipt.gasUsed), events: this.#eventsOf(receipt, contract) };
  }

  async mine(atSeconds = this.#nowSeconds + 1): Promise<void> {
    await this.#anvil.rpc('evm_mine', atSeconds);
    this.#nowSeconds = atSeconds;
  }

  /** Remembers the state; the returned function brings it back, any number of times. */
  async snapshot(): Promise<() => Promise<void>> {
    const nowSeconds = this.#nowSeconds;
    let id = await this.#anvil.rpc<string>('evm_snapshot');
    return async () => {
      await this.#anvil.rpc('evm_revert', id);
      id = await this.#anvil.rpc<string>('evm_snapshot');
      this.#nowSeconds = nowSeconds;
    };
  }

  close(): Promise<void> {
    return this.#anvil.close();
  }

  async #ethCall(transaction: object): Promise<string> {
    const response = await fetch(this.#anvil.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [transaction, 'latest'] }),
    });
    const answer = (await response.json()) as { result: string; error?: { message: string; data?: string } };
    if (answer.error === undefined) return answer.result;
    if (answer.error.data === undefined) throw new Error(answer.error.message);
    throw this.#reverted(answer.error.data);
  }

  async #revertDataOf(hash: string): Promise<string> {
    const tracer = { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } };
    const trace = await this.#anvil.rpc<{ output?: string }>('debug_traceTransaction', hash, tracer);
    return trace.output ?? '0x';
  }

  #reverted(data: string): Reverted {
    const error = this.#errors.parseError(data);
    if (error === null) return new Reverted(data === '0x' ? 'no reason' : data);
    return new Reverted(error.name === 'Error' ? error.args[0] : `${error.name}(${error.args.join(', ')})`);
  }

  #eventsOf(receipt: Receipt, contract: Placed): LogDescription[] {
    return receipt.logs
      .filter((log) => log.address.toLowerCase() === contract.address.toLowerCase())
      .map((log) => contract.abi.parseLog(log))
      .filter((event) => event !== null);
  }
}
