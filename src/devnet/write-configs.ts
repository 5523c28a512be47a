/** Ready configuration files and keystores for every node of a devnet. */
import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { toHex, word } from '../base/bytes.js';
import { Secret } from '../base/secret.js';
import { loadBn254 } from '../crypto/bn254/bn254.js';
import { encodeG2 } from '../crypto/bn254/points.js';
import { sealKeystore } from '../crypto/keystore/keystore.js';
import type { Cast, CastOperator } from './cast.js';
import { AVS_REGISTRAR_ADDRESS, L1_CHAIN_ID } from './plan.js';
import type { DevnetChain, DevnetOperator } from './state.js';

/** How executors run their performer. */
export type DevnetPerformer =
  | { readonly mode: 'process'; readonly command: readonly string[] }
  | { readonly mode: 'docker'; readonly repository: string; readonly tag: string };

export interface WriteConfigsOptions {
  readonly folder: string;
  readonly cast: Cast;
  readonly chains: readonly DevnetChain[];
  /** `host:port` of each executor, in the order of the cast. */
  readonly sockets: readonly string[];
  readonly managementPort: number;
  readonly performer: DevnetPerformer;
  readonly pollIntervalMs: number;
}

/** Everyone's keystore password: a devnet's keys are public anyway. */
const KEYSTORE_PASSWORD = 'devnet';

/** Writes keys and configs; returns where each node's config is. */
export async function writeConfigs(
  options: WriteConfigsOptions,
): Promise<{ aggregator: DevnetOperator; executors: DevnetOperator[]; userKeyFile: string }> {
  const { folder, cast } = options;
  fs.mkdirSync(path.join(folder, 'keys'), { recursive: true, mode: 0o700 });
  const userKeyFile = path.join(folder, 'keys', 'user.pri');
  fs.writeFileSync(userKeyFile, `${toHex(cast.user.secret)}\n`, { mode: 0o600 });

  const aggregator = await writeNode(options, cast.aggregator, '', (operator) => ({
    l1ChainId: L1_CHAIN_ID,
    managementServerGrpcPort: options.managementPort,
    operator,
    chains: chainSection(options),
    avss: [
      {
        address: cast.avs.address,
        chainIds: options.chains.map((chain) => chain.chainId),
        avsRegistrarAddress: AVS_REGISTRAR_ADDRESS,
      },
    ],
    storage: levelStorage(folder, cast.aggregator),
  }));
  const executors = await Promise.all(
    cast.executors.map((executor, index) => {
      const socket = options.sockets[index] ?? '';
      return writeNode(options, executor, socket, (operator) => ({
        grpcPort: Number(socket.split(':')[1]),
        operator,
        l1Chain: { rpcUrl: l1Url(options), chainId: L1_CHAIN_ID },
        chains: chainSection(options),
        avsPerformers: [
          {
            avsAddress: cast.avs.address,
            avsRegistrarAddress: AVS_REGISTRAR_ADDRESS,
            processType: 'server',
            ...performerSection(options.performer),
          },
        ],
        storage: levelStorage(folder, executor),
      }));
    }),
  );
  return { aggregator, executors, userKeyFile };
}

async function writeNode(
  options: WriteConfigsOptions,
  operator: CastOperator,
  socket: string,
  makeConfig: (operator: object) => object,
): Promise<DevnetOperator> {
  const keystoreFile = path.join(options.folder, 'keys', `${operator.name}_bn254.json`);
  await writeKeystore(operator, keystoreFile);
  const config = path.join(options.folder, `${operator.name}.yaml`);
  const content = makeConfig({
    address: operator.address,
    operatorPrivateKey: { privateKey: toHex(operator.secret) },
    signingKeys: {
      bls: { keystoreFile, password: KEYSTORE_PASSWORD },
      ecdsa: { privateKey: toHex(operator.ecdsaSigning.secret) },
    },
  });
  const header = `# ${operator.name} of a local devnet, written by \`ponos devnet up\`. Its keys are public.\n`;
  fs.writeFileSync(config, header + stringify(content), { mode: 0o600 });
  return { name: operator.name, address: operator.address, socket, config };
}

async function writeKeystore(operator: CastOperator, file: string): Promise<void> {
  const bn254 = await loadBn254();
  const sealed = await sealKeystore({
    curve: 'bn254',
    secret: new Secret(word(operator.bn254Secret)),
    publicKey: encodeG2(bn254.derivePublicKey(operator.bn254Secret).g2),
    password: new Secret(KEYSTORE_PASSWORD),
    light: true,
  });
  fs.writeFileSync(file, sealed, { mode: 0o600 });
}

const levelStorage = (folder: string, operator: CastOperator) => ({
  type: 'level',
  level: { dir: path.join(folder, 'data', operator.name) },
});

const l1Url = (options: WriteConfigsOptions) =>
  options.chains.find((chain) => chain.chainId === L1_CHAIN_ID)?.url ?? '';

const chainSection = (options: WriteConfigsOptions) =>
  options.chains.map((chain) => ({
    name: chain.name,
    version: '1.0',
    chainId: chain.chainId,
    rpcUrl: chain.url,
    pollIntervalMs: options.pollIntervalMs,
  }));

function performerSection(performer: DevnetPerformer): object {
  if (performer.mode === 'process') return { deploymentMode: 'process', command: [...performer.command] };
  return { deploymentMode: 'docker', image: { repository: performer.repository, tag: performer.tag } };
}
