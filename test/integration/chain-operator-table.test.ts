import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import { blockNumber, chainId, parseAddress, parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { readAvsSetup } from '../../src/chain/avs-config.js';
import { createAvsRegistrar } from '../../src/chain/contracts/avs-registrar.js';
import { createTaskMailbox } from '../../src/chain/contracts/task-mailbox.js';
import { probeDigests } from '../../src/chain/digest-probe.js';
import { OperatorTables, type TableQuery } from '../../src/chain/operator-tables.js';
import {
  noteOtherVerifier,
  requireContracts,
  requireHistory,
  requireMailbox,
} from '../../src/chain/probe.js';
import { rpcError } from '../../src/chain/rpc-error.js';
import { TABLE_STALENESS_SECONDS } from '../../src/devnet/plan.js';
import { deregister, setStake } from '../../src/devnet/register.js';
import type { TransportedTables } from '../../src/devnet/transport.js';
import { type DevnetChainWorld, type DevnetWorld, setupDevnetWorld } from '../support/devnet-world.js';

const BN254_SET = 1;
const ECDSA_SET = 2;
const NOWHERE = parseAddress(`0x${'99'.repeat(20)}`);

let world: DevnetWorld;
let tables: TransportedTables;

/**
 * When the table is made the members are, in the contract's order: one without a key, one without stake, and
 * three ordinary ones, of whom one leaves right afterwards.
 */
beforeAll(async () => {
  world = await setupDevnetWorld(6);
  const { l1, l1Contracts, cast } = world;
  const registration = { l1: l1.setup, contracts: l1Contracts, cast, bn254: world.bn254, clock: systemClock };
  const [gone, unstaked, keyless, leaver] = cast.executors;
  if (!gone || !unstaked || !keyless || !leaver) throw new Error('six executors are needed');
  await setStake(registration, unstaked, BN254_SET, 0n);
  await setStake(registration, unstaked, ECDSA_SET, 0n);
  await deregister(registration, keyless, [BN254_SET, ECDSA_SET]);
  await l1.setup.settle(systemClock);
  await rejoinWithoutKey(keyless);
  // The last member, who has no key, takes the first place.
  await deregister(registration, gone, [BN254_SET, ECDSA_SET]);
  await l1.setup.settle(systemClock);
  tables = await world.transport();
  await deregister(registration, leaver, [BN254_SET, ECDSA_SET]);
  await l1.setup.settle(systemClock);
}, 120_000);

afterAll(() => world.close());

/** As under a registrar that does not look at keys. */
async function rejoinWithoutKey(operator: DevnetWorld['cast']['executors'][number]) {
  const { l1, l1Contracts, cast, artifacts } = world;
  const { avsRegistrar, allocationManager } = l1Contracts;
  await l1.setup.place(avsRegistrar.address, '0x00');
  await l1.setup.send(operator, allocationManager, 'registerForOperatorSets', [
    operator.address,
    [cast.avs.address, [BN254_SET, ECDSA_SET], AbiCoder.defaultAbiCoder().encode(['string'], [''])],
  ]);
  await l1.setup.settle(systemClock);
  await l1.setup.place(avsRegistrar.address, artifacts.TaskAVSRegistrar?.deployedBytecode ?? '');
}

/** As of the chain's head, at the given time of its own. */
async function query(
  chain: DevnetChainWorld,
  setId: number,
  change: Partial<TableQuery> = {},
  timestampSeconds = tables.referenceTimestamp + 10,
): Promise<TableQuery> {
  const { l1Contracts, cast } = world;
  const { number } = await chain.client.head();
  return {
    taskChain: chain.client,
    addresses: {
      crossChainRegistry: l1Contracts.crossChainRegistry.address,
      keyRegistrar: l1Contracts.keyRegistrar.address,
      bn254CertificateVerifier: chain.contracts.bn254Verifier.address,
      ecdsaCertificateVerifier: chain.contracts.ecdsaVerifier.address,
    },
    operatorSet: { avs: cast.avs.address, id: setId },
    curve: setId === BN254_SET ? 'bn254' : 'ecdsa',
    referenceTimestamp: tables.referenceTimestamp,
    head: { number, timestampSeconds },
    ...change,
  };
}

describe('an operator table', () => {
  test.each(['l1', 'l2'] as const)(
    'default: a BN254 table on %s has who had stake and key, by the place among the leaves',
    async (name) => {
      const { table } = await new OperatorTables(world.l1.client).read(await query(world[name], BN254_SET));
      const [, , , fourth, fifth, sixth] = world.cast.executors.map(({ address }) => address);
      expect(table).toMatchObject({ curve: 'bn254', l1Block: tables.referenceBlock });
      expect(table.members.map(({ operator, index }) => [operator, index])).toEqual([
        [sixth, 0],
        [fourth, 1],
        [fifth, 2],
      ]);
      for (const member of table.members) {
        const secret = world.cast.executors.find(({ address }) => address === member.operator)?.bn254Secret;
        expect(member.key).toEqual(world.bn254.derivePublicKey(secret ?? 0n));
      }
      expect(table.totalWeights).toEqual([
        table.members.reduce((sum, { weights }) => sum + (weights[0] ?? 0n), 0n),
      ]);
    },
  );

  test.each(['l1', 'l2'] as const)(
    'default: an ECDSA table on %s names operators by their signing addresses',
    async (name) => {
      const { table } = await new OperatorTables(world.l1.client).read(await query(world[name], ECDSA_SET));
      expect(table.members).toHaveLength(3);
      for (const { operator, key } of table.members) {
        const executor = world.cast.executors.find(({ address }) => address === operator);
        expect(key).toBe(executor?.ecdsaSigning.address);
      }
    },
  );

  test('behavior: is read once, and asked anew only whether it is usable', async () => {
    let calls = 0;
    const { client } = world.l1;
    const counted = {
      name: client.name,
      chainId: client.chainId,
      onForget: () => undefined,
      call: (request: Parameters<typeof client.call>[0]) => {
        calls++;
        return client.call(request);
      },
    };
    const source = new OperatorTables(counted);
    const first = await Promise.all([1, 2].map(async () => source.read(await query(world.l2, BN254_SET))));
    const before = calls;
    const again = await source.read(await query(world.l2, BN254_SET));
    expect(again.table).toBe(first[0]?.table);
    expect(first[1]?.table).toBe(first[0]?.table);
    expect(again.usableUntilSeconds).toBe(tables.referenceTimestamp + TABLE_STALENESS_SECONDS);
    expect(calls).toBe(before);
  });

  test.each([
    ['kept', 'blocks of L1 after its own', 'l1', 1, true],
    ['read anew', 'its own block of L1', 'l1', 0, false],
    ['read anew', "any block of the task's chain, one of which brought it there", 'l2', 1_000_000, false],
  ] as const)(
    'behavior: it is %s when a reorg has replaced %s',
    async (_kept, _blocks, chain, above, isKept) => {
      const { l1, l2 } = world;
      const source = new OperatorTables(l1.client);
      const before = await source.read(await query(l2, BN254_SET));
      world[chain].client.forgetFrom(blockNumber(before.table.l1Block + above));
      const after = await source.read(await query(l2, BN254_SET));
      expect(after.table === before.table).toBe(isKept);
      expect(after.table.members).toEqual(before.table.members);
    },
  );

  test.each([
    ['table-missing', () => query(world.l2, BN254_SET, { referenceTimestamp: 5 })],
    ['table-missing', () => query(world.l2, 77, { curve: 'bn254' })],
    ['table-missing', () => query(world.l2, 77, { curve: 'ecdsa' })],
    [
      'table-stale',
      () => query(world.l2, BN254_SET, {}, tables.referenceTimestamp + TABLE_STALENESS_SECONDS + 1),
    ],
  ] as const)('error: refused as %s', async (reason, makeQuery) => {
    const read = new OperatorTables(world.l1.client).read(await makeQuery());
    await expect(read).rejects.toMatchObject({ code: 'TASK_REFUSED', facts: { reason } });
  });

  test('error: a chain that receives no tables', async () => {
    const { client } = world.l2;
    const stranger = {
      name: 'other',
      chainId: chainId(client.chainId + 1),
      call: client.call.bind(client),
      onForget: () => undefined,
    };
    const read = new OperatorTables(world.l1.client).read(
      await query(world.l2, BN254_SET, { taskChain: stranger }),
    );
    await expect(read).rejects.toMatchObject({ facts: { reason: 'chain-unsupported' } });
  });

  test('error: a disabled root, also for a table that was read before', async () => {
    const { cast, l2, l1 } = world;
    const snapshot = await l2.anvil.rpc('evm_snapshot');
    const source = new OperatorTables(l1.client);
    await source.read(await query(l2, BN254_SET));
    const [root] = await l2.setup.read(l2.contracts.updater, 'getCurrentGlobalTableRoot', []);
    await l2.setup.send(cast.owner, l2.contracts.updater, 'disableRoot', [root]);
    await l2.setup.settle(systemClock);
    await expect(source.read(await query(l2, BN254_SET))).rejects.toMatchObject({
      facts: { reason: 'root-disabled' },
    });
    await l2.anvil.rpc('evm_revert', snapshot);
  });
});

describe('an AVS', () => {
  const request = () => ({
    l1: world.l1.client,
    allocationManager: world.l1Contracts.allocationManager.address,
    avs: world.cast.avs.address,
    at: tables.referenceBlock,
  });

  test('default: its registrar tells the roles of its operator sets, and where operators listen', async () => {
    const setup = await readAvsSetup(request());
    expect(setup).toEqual({
      registrar: world.l1Contracts.avsRegistrar.address,
      aggregatorOperatorSetId: 0,
      executorOperatorSetIds: [BN254_SET, ECDSA_SET],
    });
    const registrar = createAvsRegistrar(world.l1.client, setup.registrar);
    const last = world.cast.executors.at(-1);
    expect(await registrar.getOperatorSocket(last?.address ?? NOWHERE, 'latest')).toBe('127.0.0.1:9005');
    expect(await registrar.getOperatorSocket(NOWHERE, 'latest')).toBe('');
  });

  test('error: one that nobody knows', async () => {
    await expect(readAvsSetup({ ...request(), avs: NOWHERE })).rejects.toMatchObject({
      code: 'AVS_UNKNOWN',
      message: `AVS ${NOWHERE} has no registrar`,
    });
  });
});

describe('probes', () => {
  const addresses = (chain: DevnetChainWorld) => ({
    taskMailbox: chain.contracts.mailbox.address,
    bn254CertificateVerifier: chain.contracts.bn254Verifier.address,
    ecdsaCertificateVerifier: chain.contracts.ecdsaVerifier.address,
  });

  test('default: local digests are those of the contracts', async () => {
    for (const chain of [world.l1, world.l2]) {
      expect((await probeDigests(chain.client, addresses(chain))).refusedCurves).toEqual(new Map());
    }
  });

  test('behavior: a verifier that computes otherwise costs its curve only', async () => {
    const elsewhere = parseAddress(`0x${'ec'.repeat(20)}`);
    const { client, anvil, contracts } = world.l2;
    await anvil.rpc(
      'anvil_setCode',
      elsewhere,
      await anvil.rpc('eth_getCode', contracts.mailbox.address, 'latest'),
    );
    const wrong = { ...addresses(world.l2), ecdsaCertificateVerifier: elsewhere };
    const { refusedCurves } = await probeDigests(client, wrong);
    expect([...refusedCurves.keys()]).toEqual(['ecdsa']);
  });

  test('behavior: a verifier at another address than told signs for another domain', async () => {
    const { anvil, client, contracts } = world.l2;
    const liar = parseAddress(`0x${'ed'.repeat(20)}`);
    // domainSeparator() of any address: a contract that forwards to the real verifier.
    const target = contracts.ecdsaVerifier.address.slice(2);
    await anvil.rpc(
      'anvil_setCode',
      liar,
      `0x36600060003760006000366000600073${target}5af13d600060003e3d6000f3`,
    );
    const { refusedCurves } = await probeDigests(client, {
      ...addresses(world.l2),
      ecdsaCertificateVerifier: liar,
    });
    expect(refusedCurves.get('ecdsa')).toMatch(/domainSeparator/);
  });

  test('default: contracts and history are there', async () => {
    await requireContracts(world.l1.client, addresses(world.l1));
    expect(
      await requireHistory(world.l1.client, world.l1Contracts.crossChainRegistry.address),
    ).toBeUndefined();
  });

  test('error: a contract is missing', async () => {
    const missing = { ...addresses(world.l1), taskMailbox: NOWHERE };
    await expect(requireContracts(world.l1.client, missing)).rejects.toMatchObject({
      code: 'CONTRACT_MISSING',
      message: 'there is no taskMailbox on chain l1 (31337)',
      facts: { address: NOWHERE },
    });
  });

  test('error: another contract is where the mailbox should be', async () => {
    await requireMailbox(world.l1.client, addresses(world.l1).taskMailbox);
    const address = addresses(world.l1).ecdsaCertificateVerifier;
    await expect(requireMailbox(world.l1.client, address)).rejects.toMatchObject({
      code: 'CONTRACT_MISSING',
      message: 'the contract at the taskMailbox address of chain l1 (31337) is no TaskMailbox',
      facts: { address },
    });
  });

  test('error: the state of past blocks is gone', async () => {
    const pruned = {
      name: 'l1',
      chainId: world.l1.client.chainId,
      head: () => world.l1.client.head(),
      block: world.l1.client.block.bind(world.l1.client),
      code: world.l1.client.code.bind(world.l1.client),
      call: async () => {
        throw rpcError('eth_call', 'here', { code: -32000, message: 'missing trie node 12 (path )' });
      },
    };
    await expect(requireHistory(pruned, NOWHERE)).rejects.toMatchObject({
      code: 'CHAIN_NO_HISTORY',
      message: 'no endpoint of chain l1 (31337) has the state of past blocks',
    });
  });

  test('behavior: a note when an L2 has its verifier elsewhere', () => {
    expect(noteOtherVerifier('l2', NOWHERE, NOWHERE)).toBeUndefined();
    expect(noteOtherVerifier('l2', NOWHERE, world.cast.avs.address)).toContain(NOWHERE);
  });
});

test('default: a mailbox without tasks knows none, and tells its longest SLA', async () => {
  const mailbox = createTaskMailbox(world.l2.client, world.l2.contracts.mailbox.address);
  expect((await mailbox.getTaskInfo(parseTaskId(`0x${'07'.repeat(32)}`), 'latest')).status).toBe(0);
  expect(await mailbox.maxTaskSlaSeconds('latest')).toBeGreaterThan(0);
});
