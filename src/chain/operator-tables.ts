/** Operator tables by chain, operator set and reference timestamp: located, checked to be usable, kept. */
import { LRUCache } from 'lru-cache';
import {
  type Address,
  type BlockNumber,
  type ChainId,
  type OperatorSet,
  operatorSetKey,
} from '../base/brands.js';
import type { CurveName } from '../crypto/curve.js';
import type { Block } from './block.js';
import type { ChainClient } from './client.js';
import type { Caller } from './contract.js';
import { createBn254CertificateVerifier } from './contracts/bn254-certificate-verifier.js';
import { createCrossChainRegistry } from './contracts/cross-chain-registry.js';
import { createEcdsaCertificateVerifier } from './contracts/ecdsa-certificate-verifier.js';
import { createOperatorTableUpdater } from './contracts/operator-table-updater.js';
import {
  type OperatorTable,
  type OperatorTableAddresses,
  readBn254Table,
  readEcdsaTable,
  tableRefused,
} from './operator-table.js';

/** Tables kept; one of 200 operators takes about 280 kB. */
const MAX_TABLES = 128;

/** A chain that tables are read from, and that tells when blocks were replaced. */
export type TableSource = Caller & Pick<ChainClient, 'onForget'>;

export interface TableQuery {
  /** The task's chain, with its addresses. */
  readonly taskChain: TableSource;
  readonly addresses: OperatorTableAddresses;
  readonly operatorSet: OperatorSet;
  readonly curve: CurveName;
  readonly referenceTimestamp: number;
  /** Of the task chain. What may change of a table is read at it, once for all who ask; its time decides whether the table is stale. */
  readonly head: Pick<Block, 'number' | 'timestampSeconds'>;
}

export interface UsableTable {
  readonly table: OperatorTable;
  /**
   * Chain time of the last block in which a certificate over it is accepted; infinite if there is no end. Not part
   * of the table: every transport may bring another period, for tables that are there already, too.
   */
  readonly usableUntilSeconds: number;
}

interface Located {
  readonly l1Block: BlockNumber;
  readonly isRootValid: boolean;
}

interface KeptTable {
  readonly table: Promise<OperatorTable>;
  readonly taskChainId: ChainId;
  readonly l1Block: BlockNumber;
}

export class OperatorTables {
  readonly #l1: Caller;
  readonly #tables = new LRUCache<string, KeptTable>({ max: MAX_TABLES });
  readonly #updaters = new Map<ChainId, Address>();
  /** Task chains whose reorgs are listened to. */
  readonly #watched = new Set<TableSource>();

  constructor(l1: TableSource) {
    this.#l1 = l1;
    l1.onForget((from) => this.#forget(({ l1Block }) => l1Block >= from));
  }

  /**
   * The table, after asking the chain whether it is usable as of the head. A table changes with a reorg only, so its
   * content is read once until then; askers at the same time share that reading, failures are not kept.
   * @throws PonosError TASK_REFUSED with the fact `reason` (see TableProblem), and the client's
   */
  async read(query: TableQuery): Promise<UsableTable> {
    const [{ l1Block, isRootValid }, stalenessSeconds] = await Promise.all([
      this.#locate(query),
      this.#maxStalenessSeconds(query),
    ]);
    if (!isRootValid)
      throw tableRefused('root-disabled', "the root of the task's operator table was disabled", query);
    if (query.head.timestampSeconds > usableUntil(query.referenceTimestamp, stalenessSeconds)) {
      throw tableRefused('table-stale', "the task's operator table is too old to certify with", query);
    }
    const table = await this.#table(query, l1Block);
    return { table, usableUntilSeconds: usableUntil(query.referenceTimestamp, stalenessSeconds) };
  }

  #table(query: TableQuery, l1Block: BlockNumber): Promise<OperatorTable> {
    const { taskChain, operatorSet, curve, referenceTimestamp } = query;
    const key = [taskChain.chainId, operatorSetKey(operatorSet), curve, referenceTimestamp, l1Block].join(
      '|',
    );
    const kept = this.#tables.get(key);
    if (kept !== undefined) return kept.table;
    this.#watch(taskChain);
    const request = { ...query, l1: this.#l1, l1Block };
    const table = curve === 'bn254' ? readBn254Table(request) : readEcdsaTable(request);
    const entry = { table, taskChainId: taskChain.chainId, l1Block };
    this.#tables.set(key, entry);
    table.catch(() => {
      if (this.#tables.peek(key) === entry) this.#tables.delete(key);
    });
    return table;
  }

  /** Which of its blocks brought a table to a chain is not known: with any of them replaced, all are read anew. */
  #watch(taskChain: TableSource): void {
    if (this.#watched.has(taskChain)) return;
    this.#watched.add(taskChain);
    taskChain.onForget(() => this.#forget(({ taskChainId }) => taskChainId === taskChain.chainId));
  }

  #forget(isDoubtful: (kept: KeptTable) => boolean): void {
    for (const [key, kept] of [...this.#tables.entries()]) {
      if (isDoubtful(kept)) this.#tables.delete(key);
    }
  }

  async #locate(query: TableQuery): Promise<Located> {
    const known = this.#updaters.get(query.taskChain.chainId);
    if (known !== undefined) {
      const located = await locateAt(known, query);
      if (located.l1Block !== 0) return located;
    }
    // First use, or the registry may name another updater by now.
    const updater = await this.#findUpdater(query);
    const located = await locateAt(updater, query);
    if (located.l1Block === 0) {
      throw tableRefused('table-missing', 'the reference timestamp of the task was never confirmed', query);
    }
    this.#updaters.set(query.taskChain.chainId, updater);
    return located;
  }

  async #findUpdater(query: TableQuery): Promise<Address> {
    const registry = createCrossChainRegistry(this.#l1, query.addresses.crossChainRegistry);
    const updater = (await registry.getSupportedChains('latest')).get(query.taskChain.chainId);
    if (updater === undefined) {
      throw tableRefused(
        'chain-unsupported',
        `operator tables are not carried to chain ${query.taskChain.name} (${query.taskChain.chainId})`,
        query,
      );
    }
    return updater;
  }

  #maxStalenessSeconds(query: TableQuery): Promise<number> {
    const { taskChain, addresses, operatorSet, head } = query;
    const verifier =
      query.curve === 'bn254'
        ? createBn254CertificateVerifier(taskChain, addresses.bn254CertificateVerifier)
        : createEcdsaCertificateVerifier(taskChain, addresses.ecdsaCertificateVerifier);
    return verifier.maxOperatorTableStaleness(operatorSet, head.number);
  }
}

async function locateAt(updaterAddress: Address, query: TableQuery): Promise<Located> {
  const updater = createOperatorTableUpdater(query.taskChain, updaterAddress);
  const [l1Block, isRootValid] = await Promise.all([
    updater.getReferenceBlockNumberByTimestamp(query.referenceTimestamp, query.head.number),
    updater.isRootValidByTimestamp(query.referenceTimestamp, query.head.number),
  ]);
  return { l1Block, isRootValid };
}

/** The verifiers' rule (`CertificateStale`): a table ends with its staleness period; period 0 has no end. */
export function usableUntil(referenceTimestamp: number, stalenessSeconds: number): number {
  return stalenessSeconds === 0 ? Number.POSITIVE_INFINITY : referenceTimestamp + stalenessSeconds;
}
