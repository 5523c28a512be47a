/** The devnet's compiled contracts, made anew when their sources have changed. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Interface } from 'ethers';

const COMPILER = fileURLToPath(new URL('../../src/devnet/compile-contracts.mjs', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../dist/embedded/devnet-contracts.mjs', import.meta.url));

export interface Artifact {
  readonly abi: Interface;
  readonly deployedBytecode: string;
}

/** Compiling takes some ten seconds, hence in a process of its own and only when needed. */
export async function loadArtifacts(): Promise<ReadonlyMap<string, Artifact>> {
  await promisify(execFile)(process.execPath, [COMPILER, COMPILED]);
  const { default: contracts } = await import('#devnet-contracts');
  return new Map(
    Object.entries(contracts).map(([name, { abi, deployedBytecode }]) => [
      name,
      { abi: Interface.from(JSON.stringify(abi)), deployedBytecode },
    ]),
  );
}
