/**
 * Carries the operator tables from L1 to every chain: the tables at one L1 block, their global
 * root certified by the generator, and a proof for each table (EigenLayer's multichain transport).
 */
import type { Address, BlockNumber } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import { g1ToWords, g2ToWords } from '../crypto/bn254/points.js';
import { keccak256 } from '../crypto/keccak.js';
import { merkleTree } from '../protocol/merkle.js';
import { globalTableLeaf, globalTableRootMessageHash } from '../protocol/operator-table.js';
import { bn254CertificatePreimage } from '../protocol/result.js';
import type { Account } from './cast.js';
import type { PlacedContract, SetupChain } from './setup-chain.js';

/** The generator's operator set is fixed at this reference timestamp (a constant of the real updater). */
const GENERATOR_REFERENCE_TIMESTAMP = 1;

export interface TransportRoute {
  readonly l1: SetupChain;
  readonly crossChainRegistry: PlacedContract;
  /** Every chain that receives tables, L1 among them. */
  readonly destinations: readonly { chain: SetupChain; updater: PlacedContract }[];
  /** Pays for the transactions. */
  readonly sender: Account;
  readonly generatorSecret: bigint;
  readonly bn254: Bn254;
  readonly clock: Clock;
}

export interface TransportedTables {
  readonly referenceTimestamp: number;
  readonly referenceBlock: BlockNumber;
  readonly operatorSets: readonly { avs: Address; id: number }[];
}

/** Reads all tables at the L1 head and delivers them. Waits for destinations whose time is behind. */
export async function transportTables(route: TransportRoute): Promise<TransportedTables> {
  await reachNewTime(route);
  const head = await route.l1.head();
  const [reservations] = await route.l1.readAt(
    head.number,
    route.crossChainRegistry,
    'getActiveGenerationReservations',
    [],
  );
  const operatorSets = (reservations as [string, bigint][]).map(([avs, id]) => ({
    avs: avs.toLowerCase() as Address,
    id: Number(id),
  }));
  const tables = await Promise.all(
    operatorSets.map(async (operatorSet) => {
      const [bytes] = await route.l1.readAt(
        head.number,
        route.crossChainRegistry,
        'calculateOperatorTableBytes',
        [[operatorSet.avs, operatorSet.id]],
      );
      return fromHex(bytes);
    }),
  );
  const tree = merkleTree(tables.map(globalTableLeaf));
  const certificate = certifyRoot(route, tree.root, head.timestampSeconds, head.number);

  await Promise.all(
    route.destinations.map(async ({ chain, updater }) => {
      await chain.reachTime(head.timestampSeconds, route.clock);
      const root = toHex(tree.root);
      await chain.send(route.sender, updater, 'confirmGlobalTableRoot', [
        certificate,
        root,
        head.timestampSeconds,
        head.number,
      ]);
      for (const [index, table] of tables.entries()) {
        const proof = toHex(tree.proof(index));
        await chain.send(route.sender, updater, 'updateOperatorTable', [
          head.timestampSeconds,
          root,
          index,
          proof,
          toHex(table),
        ]);
      }
      await chain.settle(route.clock);
    }),
  );
  return { referenceTimestamp: head.timestampSeconds, referenceBlock: head.number, operatorSets };
}

/** A root must be newer than every chain's last one; an updater counts its own deployment as the first. */
async function reachNewTime({ l1, destinations, clock }: TransportRoute): Promise<void> {
  const latest = await Promise.all(
    destinations.map(({ chain, updater }) => chain.read(updater, 'getLatestReferenceTimestamp', [])),
  );
  await l1.reachTime(Math.max(...latest.map(([timestamp]) => Number(timestamp))) + 1, clock);
}

/** The generator's certificate over a global root, in the ABI's shape. */
export function certifyRoot(
  { bn254, generatorSecret }: Pick<TransportRoute, 'bn254' | 'generatorSecret'>,
  root: Uint8Array,
  referenceTimestamp: number,
  referenceBlock: BlockNumber,
): unknown[] {
  const messageHash = globalTableRootMessageHash(root, referenceTimestamp, referenceBlock);
  const digest = keccak256(bn254CertificatePreimage(GENERATOR_REFERENCE_TIMESTAMP, messageHash));
  const signature = bn254.parseSignature(bn254.sign(generatorSecret, digest, 'solidity'));
  const { X, Y } = g2ToWords(bn254.derivePublicKey(generatorSecret).g2);
  return [GENERATOR_REFERENCE_TIMESTAMP, toHex(messageHash), g1ToWords(signature), [X, Y], []];
}
