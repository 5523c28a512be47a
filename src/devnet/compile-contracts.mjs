/**
 * Compiles the devnet's contracts with npm's solc into one module that is bundled like any other
 * source: `{ [contract]: { abi, bytecode, deployedBytecode } }`, hex with `0x`.
 *
 * Run by hand or from a test: `node src/devnet/compile-contracts.mjs <file to write>`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE_DIR = fileURLToPath(new URL('./contracts/', import.meta.url));

const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  // Understood by every chain the contracts may be placed on; newer opcodes gain nothing here.
  evmVersion: 'cancun',
  // Without a metadata hash the same sources give the same bytes.
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode'] } },
};

/**
 * Writes the compiled contracts as an ES module. Does nothing when the file was written from the same
 * sources by the same compiler.
 * @param {{ outFile: string }} options
 * @returns {Promise<void>}
 */
export async function compileContracts({ outFile }) {
  const sources = await readSources();
  const solc = createRequire(import.meta.url)('solc/package.json');
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([solc.version, SETTINGS, sources]))
    .digest('hex');
  const header = `// sources ${fingerprint}\n`;
  const existing = await readFile(outFile, 'utf8').catch(() => '');
  if (existing.startsWith(header)) return;
  const module = `${header}export default ${JSON.stringify(compile(sources))};\n`;
  await mkdir(dirname(outFile), { recursive: true });
  // Several processes may compile at once; a rename leaves none with half a file.
  const temporary = `${outFile}.${process.pid}.tmp`;
  await writeFile(temporary, module);
  await rename(temporary, outFile);
}

async function readSources() {
  const names = (await readdir(SOURCE_DIR)).filter((name) => name.endsWith('.sol')).sort();
  const sources = {};
  for (const name of names) sources[name] = { content: await readFile(join(SOURCE_DIR, name), 'utf8') };
  return sources;
}

function compile(sources) {
  // Loaded here because the compiler takes half a second and mostly nothing has changed.
  const solc = createRequire(import.meta.url)('solc');
  const output = JSON.parse(
    solc.compile(JSON.stringify({ language: 'Solidity', sources, settings: SETTINGS })),
  );
  const problems = (output.errors ?? []).map((problem) => problem.formattedMessage);
  if (problems.length > 0)
    throw new Error(`the devnet contracts do not compile cleanly:\n${problems.join('\n')}`);
  const contracts = {};
  for (const [source, inSource] of Object.entries(output.contracts)) {
    for (const [name, { abi, evm }] of Object.entries(inSource)) {
      const isCallable = abi.some((entry) => entry.type === 'function');
      // Interfaces and abstract contracts have no code, libraries nothing that could be called.
      if (source !== `${name}.sol` || evm.deployedBytecode.object === '' || !isCallable) continue;
      if (Object.keys(evm.deployedBytecode.immutableReferences ?? {}).length > 0) {
        throw new Error(`${name} has immutables, which code placed at a fixed address cannot have`);
      }
      contracts[name] = {
        abi,
        bytecode: `0x${evm.bytecode.object}`,
        deployedBytecode: `0x${evm.deployedBytecode.object}`,
      };
    }
  }
  return contracts;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [outFile] = process.argv.slice(2);
  if (outFile === undefined) throw new Error('usage: node src/devnet/compile-contracts.mjs <file to write>');
  await compileContracts({ outFile: resolve(outFile) });
}
