/**
 * The devnet's certificate verifiers against recorded certificates: what the real verifiers accept is
 * accepted, and with any one field altered it is refused by the same error.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parseHex } from '../../src/base/brands.js';
import { fromHex, toHex } from '../../src/base/bytes.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { FIELD_MODULUS } from '../../src/crypto/bn254/points.js';
import { CURVE_TYPE } from '../../src/crypto/curve.js';
import { ecdsaAddress, recoverEcdsa } from '../../src/crypto/ecdsa.js';
import { merkleTree } from '../../src/protocol/merkle.js';
import { ContractChain } from '../support/contract-chain.js';
import { OWNER, placeTaskContracts, type TaskContracts, transport } from '../support/contract-world.js';
import { encodeBn254Table, encodeEcdsaTable, encodeOperatorTableBytes } from '../support/table-bytes.js';
import { readVectors } from '../support/vectors.js';

type OperatorSetWords = readonly [avs: string, id: number];

interface Witness {
  readonly operatorIndex: number;
  readonly operatorInfoProof: string;
  readonly operatorInfo: { readonly pubkey: { X: string; Y: string }; readonly weights: readonly string[] };
}
interface Bn254Certificate {
  readonly referenceTimestamp: number;
  readonly messageHash: string;
  readonly signature: { readonly X: string; readonly Y: string };
  readonly apk: { readonly X: readonly [string, string]; readonly Y: readonly [string, string] };
  readonly nonSignerWitnesses: readonly Witness[];
}
interface EcdsaCertificate {
  readonly referenceTimestamp: number;
  readonly messageHash: string;
  readonly sig: string;
}
interface Outcome {
  readonly reverted: boolean;
  readonly result?: boolean;
  readonly error?: string;
}
interface Recorded {
  readonly name: string;
  readonly avsAddress: string;
  readonly operatorSetId: number;
  readonly referenceTimestamp: number;
}
interface RecordedBn254 extends Recorded {
  readonly operators: readonly { readonly pubkeyG1: { x: string; y: string }; readonly weights: string[] }[];
  readonly operatorInfoTreeRoot: string;
  readonly allOperatorsApkG1: { readonly x: string; readonly y: string };
  readonly totalWeights: readonly string[];
  readonly thresholdBips: number;
  readonly certificate: Bn254Certificate;
  readonly certificateAbiEncoded: string;
  readonly certificateOnChainCheck: Outcome;
  readonly referenceSubmitted: { readonly certificate: Bn254Certificate; readonly onChainCheck: Outcome };
}
interface RecordedEcdsa extends Recorded {
  readonly operators: readonly { readonly signingAddress: string; readonly weights: readonly string[] }[];
  readonly thresholdBips: number;
  readonly certificate: EcdsaCertificate;
  readonly certificateOnChainCheck: Outcome;
  readonly referenceSubmitted: { readonly sig: string; readonly onChainCheck: Outcome };
}
interface RecordedPoisoned extends Recorded {
  readonly taskId: string;
  readonly output: string;
  readonly sig: string;
  readonly onChain: Outcome;
  readonly submissions: readonly { readonly privateKeyHex: string }[];
}

const vectors = readVectors<{
  readonly bn254: readonly RecordedBn254[];
  readonly ecdsa: readonly RecordedEcdsa[];
  readonly acceptedOffChainButRevertingOnChain: readonly RecordedPoisoned[];
}>('cert-assembly');

const TABLE_TIMESTAMP = 1_760_000_000;
const L1_BLOCK = 77;

const setOf = ({ avsAddress, operatorSetId }: Recorded): OperatorSetWords => [avsAddress, operatorSetId];
const thresholdsOf = (recorded: {
  thresholdBips: number;
  operators: readonly { weights: readonly string[] }[];
}) => (recorded.operators[0]?.weights ?? []).map(() => recorded.thresholdBips);

function tableBytes(recorded: Recorded, curveType: number, table: Uint8Array, stalenessSeconds = 0) {
  const operatorSet = { avs: parseAddress(recorded.avsAddress), id: recorded.operatorSetId };
  const config = { owner: parseAddress(OWNER), maxStalenessPeriodSeconds: stalenessSeconds };
  return encodeOperatorTableBytes({ operatorSet, curveType, config, table });
}

function bn254Table(recorded: RecordedBn254, stalenessSeconds?: number): Uint8Array {
  const { allOperatorsApkG1: apk } = recorded;
  const table = encodeBn254Table({
    operatorInfoTreeRoot: fromHex(parseHex(recorded.operatorInfoTreeRoot)),
    numOperators: BigInt(recorded.operators.length),
    aggregatePubkey: { x: BigInt(apk.x), y: BigInt(apk.y) },
    totalWeights: recorded.totalWeights.map(BigInt),
  });
  return tableBytes(recorded, CURVE_TYPE.bn254, table, stalenessSeconds);
}

function ecdsaTable(
  recorded: Recorded,
  operators: readonly { readonly signingAddress: string; readonly weights: readonly string[] }[],
  stalenessSeconds?: number,
): Uint8Array {
  const infos = operators.map(({ signingAddress, weights }) => ({
    signer: parseAddress(signingAddress),
    weights: weights.map(BigInt),
  }));
  return tableBytes(recorded, CURVE_TYPE.ecdsa, encodeEcdsaTable(infos), stalenessSeconds);
}

/** The recorded case must exist; the tests below are about one that has what they alter. */
function recordedCase<T extends Recorded>(cases: readonly T[], id: number): T {
  const found = cases.find((recorded) => recorded.operatorSetId === id);
  if (found === undefined) throw new Error(`no recorded certificate of operator set ${id}`);
  return found;
}

let chain: ContractChain;
let bn254: Bn254;
let contracts: TaskContracts;
let restore: () => Promise<void>;

beforeAll(async () => {
  bn254 = await loadBn254();
  chain = await ContractChain.start(TABLE_TIMESTAMP - 1_000);
  contracts = await placeTaskContracts(chain, bn254);
  const tables = [
    ...vectors.bn254.map((recorded) => bn254Table(recorded)),
    ...vectors.ecdsa.map((recorded) => ecdsaTable(recorded, recorded.operators)),
    ...vectors.acceptedOffChainButRevertingOnChain.map((recorded) => {
      const operators = recorded.submissions.map(({ privateKeyHex }) => ({
        signingAddress: ecdsaAddress(fromHex(parseHex(privateKeyHex))),
        weights: ['100'],
      }));
      return ecdsaTable(recorded, operators);
    }),
  ];
  const at = { timestampSeconds: TABLE_TIMESTAMP, blockNumber: L1_BLOCK };
  await transport(chain, contracts.updater, bn254, tables, at);
  restore = await chain.snapshot();
}, 60_000);

beforeEach(() => restore());
afterAll(() => chain?.close());

describe('BN254CertificateVerifier', () => {
  const verify = (set: OperatorSetWords, certificate: unknown, thresholds: readonly number[]) =>
    chain.call(contracts.bn254Verifier, 'verifyCertificateProportion', [set, certificate, thresholds]);

  test.each(vectors.bn254)('default: accepts "$name"', async (recorded) => {
    expect(recorded.certificateOnChainCheck).toEqual({ reverted: false, result: true });
    expect(await verify(setOf(recorded), recorded.certificate, thresholdsOf(recorded))).toBe(true);
    const encoded = await chain.call(contracts.mailbox, 'getBN254CertificateBytes', [recorded.certificate]);
    expect(encoded).toBe(recorded.certificateAbiEncoded);
  });

  test.each(vectors.bn254)(
    'behavior: judges what the Go node sent for "$name" as the real one',
    async (recorded) => {
      const { certificate, onChainCheck } = recorded.referenceSubmitted;
      const judged = verify(setOf(recorded), certificate, thresholdsOf(recorded));
      if (onChainCheck.reverted) await expect(judged).rejects.toThrow(`${onChainCheck.error}()`);
      else expect(await judged).toBe(onChainCheck.result);
    },
  );

  test('behavior: weights are the table minus the non-signers, per stake type', async () => {
    const recorded = recordedCase(vectors.bn254, 4);
    const signed = await chain.call(contracts.bn254Verifier, 'verifyCertificate', [
      setOf(recorded),
      recorded.certificate,
    ]);
    const silent = new Set(recorded.certificate.nonSignerWitnesses.map((witness) => witness.operatorIndex));
    const expected = recorded.totalWeights.map((_, type) =>
      recorded.operators.reduce(
        (sum, operator, index) => (silent.has(index) ? sum : sum + BigInt(operator.weights[type] ?? 0)),
        0n,
      ),
    );
    expect([...signed]).toEqual(expected);
  });

  test('behavior: a threshold is a part of the whole table, rounded down', async () => {
    const recorded = recordedCase(vectors.bn254, 3);
    const signed = await chain.call(contracts.bn254Verifier, 'verifyCertificate', [
      setOf(recorded),
      recorded.certificate,
    ]);
    const greatestMet = recorded.totalWeights.map((total, type) => {
      const met = (bips: number) => signed[type] >= (BigInt(total) * BigInt(bips)) / 10_000n;
      return Array.from({ length: 10_001 }, (_, bips) => bips).findLast(met) ?? 0;
    });
    expect(await verify(setOf(recorded), recorded.certificate, greatestMet)).toBe(true);
    for (const type of greatestMet.keys()) {
      const tooHigh = greatestMet.map((bips, index) => (index === type ? bips + 1 : bips));
      expect(await verify(setOf(recorded), recorded.certificate, tooHigh)).toBe(false);
    }
  });

  const silent = recordedCase(vectors.bn254, 3);
  const other = recordedCase(vectors.bn254, 1);
  const [first, second] = silent.certificate.nonSignerWitnesses;
  if (first === undefined || second === undefined) throw new Error('this case needs two non-signers');
  const increased = (value: string) => String(BigInt(value) + 1n);
  const altered = (change: Partial<Bn254Certificate>) => ({ ...silent.certificate, ...change });
  const withWitnesses = (...nonSignerWitnesses: Witness[]) => altered({ nonSignerWitnesses });
  const changedByte = (hex: string, place: number) => {
    const bytes = fromHex(parseHex(hex));
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    return toHex(bytes);
  };
  const { signature, apk } = silent.certificate;
  const negated = { X: signature.X, Y: String(FIELD_MODULUS - BigInt(signature.Y)) };

  const alwaysWrong: readonly (readonly [string, unknown, string])[] = [
    [
      'a signature off the curve',
      altered({ signature: { X: increased(signature.X), Y: signature.Y } }),
      'ECAddFailed',
    ],
    ['the negated signature', altered({ signature: negated }), 'VerificationFailed'],
    [
      "another certificate's signature",
      altered({ signature: other.certificate.signature }),
      'VerificationFailed',
    ],
    [
      'an apk off the curve',
      altered({ apk: { X: [increased(apk.X[0]), apk.X[1]], Y: apk.Y } }),
      'VerificationFailed',
    ],
    ["another certificate's apk", altered({ apk: other.certificate.apk }), 'VerificationFailed'],
    [
      'an apk with its parts swapped',
      altered({ apk: { X: [apk.X[1], apk.X[0]], Y: [apk.Y[1], apk.Y[0]] } }),
      'VerificationFailed',
    ],
    [
      'another message hash',
      altered({ messageHash: changedByte(silent.certificate.messageHash, 31) }),
      'VerificationFailed',
    ],
    [
      'another reference timestamp',
      altered({ referenceTimestamp: TABLE_TIMESTAMP - 1 }),
      'ReferenceTimestampDoesNotExist',
    ],
    ['no witness of the first non-signer', withWitnesses(second), 'VerificationFailed'],
    ['no witness of the last non-signer', withWitnesses(first), 'VerificationFailed'],
    ['witnesses in descending order', withWitnesses(second, first), 'NonSignerIndicesNotSorted'],
    ['a witness given twice', withWitnesses(first, first, second), 'NonSignerIndicesNotSorted'],
    ["the neighbour's index", withWitnesses({ ...first, operatorIndex: 1 }, second), 'VerificationFailed'],
    [
      'an index beyond the table',
      withWitnesses(first, { ...second, operatorIndex: 4 }),
      'InvalidOperatorIndex',
    ],
  ];

  // Proven before, an operator's info is taken from the verifier's own memory.
  const { operatorInfo } = second;
  const weights = operatorInfo.weights.map(increased);
  const wrongUntilProven: readonly (readonly [string, unknown, string])[] = [
    [
      'other weights',
      withWitnesses(first, { ...second, operatorInfo: { ...operatorInfo, weights } }),
      'VerificationFailed',
    ],
    [
      'fewer weights',
      withWitnesses(first, { ...second, operatorInfo: { ...operatorInfo, weights: weights.slice(1) } }),
      'VerificationFailed',
    ],
    [
      'the key of the other non-signer',
      withWitnesses(first, {
        ...second,
        operatorInfo: { ...operatorInfo, pubkey: first.operatorInfo.pubkey },
      }),
      'VerificationFailed',
    ],
    [
      'an altered proof',
      withWitnesses(first, { ...second, operatorInfoProof: changedByte(second.operatorInfoProof, 40) }),
      'VerificationFailed',
    ],
    ['an empty proof', withWitnesses(first, { ...second, operatorInfoProof: '0x' }), 'VerificationFailed'],
    [
      'a proof that is not whole words',
      withWitnesses(first, { ...second, operatorInfoProof: second.operatorInfoProof.slice(0, -2) }),
      'InvalidProofLength',
    ],
    [
      'a proof too short for the index',
      withWitnesses(first, { ...second, operatorInfoProof: second.operatorInfoProof.slice(0, 66) }),
      'InvalidIndex',
    ],
  ];

  const set = setOf(silent);
  const thresholds = thresholdsOf(silent);
  const cacheNonSigners = () =>
    chain.send(OWNER, contracts.bn254Verifier, 'verifyCertificate', [set, silent.certificate]);
  const isCached = (index: number) =>
    chain.call(contracts.bn254Verifier, 'isNonsignerCached', [set, TABLE_TIMESTAMP, index]);

  test.each([...alwaysWrong, ...wrongUntilProven])(
    'error: refuses %s while non-signers are not cached',
    async (_what, certificate, error) => {
      expect(await isCached(first.operatorIndex)).toBe(false);
      await expect(verify(set, certificate, thresholds)).rejects.toThrow(`${error}()`);
    },
  );

  test.each(alwaysWrong)(
    'error: refuses %s once non-signers are cached',
    async (_what, certificate, error) => {
      await cacheNonSigners();
      await expect(verify(set, certificate, thresholds)).rejects.toThrow(`${error}()`);
    },
  );

  test.each(wrongUntilProven)(
    'behavior: what was proven before wins over %s, in key and weight',
    async (_what, certificate) => {
      const honest = await chain.call(contracts.bn254Verifier, 'verifyCertificate', [
        set,
        silent.certificate,
      ]);
      await cacheNonSigners();
      expect([await isCached(first.operatorIndex), await isCached(second.operatorIndex)]).toEqual([
        true,
        true,
      ]);
      const signed = await chain.call(contracts.bn254Verifier, 'verifyCertificate', [set, certificate]);
      expect([...signed]).toEqual([...honest]);
    },
  );

  test('behavior: a failed certificate leaves nothing in the cache, and a cached one costs less', async () => {
    const wrong = altered({ signature: negated });
    const send = (certificate: unknown) =>
      chain.send(OWNER, contracts.bn254Verifier, 'verifyCertificate', [set, certificate]);
    await expect(send(wrong)).rejects.toThrow('VerificationFailed()');
    expect(await isCached(first.operatorIndex)).toBe(false);
    const { gasUsed: uncached } = await send(silent.certificate);
    const { gasUsed: cached } = await send(silent.certificate);
    expect(cached).toBeLessThan(uncached - 200_000);
  });

  test('error: refuses another number of thresholds than of stake types', async () => {
    await expect(verify(set, silent.certificate, [5_000])).rejects.toThrow('ArrayLengthMismatch()');
  });

  test('error: refuses a certificate of another operator set', async () => {
    await expect(verify(setOf(other), silent.certificate, [5_000])).rejects.toThrow('VerificationFailed()');
    await expect(verify([OWNER, 99], silent.certificate, thresholds)).rejects.toThrow(
      'ReferenceTimestampDoesNotExist()',
    );
  });

  test('error: stale comes before everything, a disabled root before the witnesses', async () => {
    const updated = TABLE_TIMESTAMP + 100;
    const root = await transport(chain, contracts.updater, bn254, [bn254Table(silent, 50)], {
      timestampSeconds: updated,
      blockNumber: L1_BLOCK + 1,
    });
    const disordered = withWitnesses(second, first);
    const current = { ...disordered, referenceTimestamp: updated };
    await chain.mine(updated + 40);
    await expect(verify(set, current, thresholds)).rejects.toThrow('NonSignerIndicesNotSorted()');
    await chain.send(OWNER, contracts.updater, 'disableRoot', [toHex(root)]);
    await expect(verify(set, current, thresholds)).rejects.toThrow('RootDisabled()');
    await chain.mine(updated + 50);
    await expect(verify(set, current, thresholds)).rejects.toThrow('RootDisabled()');
    await chain.mine(updated + 51);
    await expect(verify(set, current, thresholds)).rejects.toThrow('CertificateStale()');
    const unknown = { ...disordered, referenceTimestamp: updated - 1 };
    await expect(verify(set, unknown, thresholds)).rejects.toThrow('CertificateStale()');
  });

  test('error: tables come from the updater only, and only newer ones', async () => {
    const info = [silent.operatorInfoTreeRoot, 4, [1, 2], [1, 1]];
    const update = (from: string, timestamp: number) =>
      chain.send(from, contracts.bn254Verifier, 'updateOperatorTable', [set, timestamp, info, [OWNER, 0]]);
    await expect(update(OWNER, TABLE_TIMESTAMP + 1)).rejects.toThrow('OnlyTableUpdater()');
    const { address } = contracts.updater;
    await expect(update(address, TABLE_TIMESTAMP)).rejects.toThrow('TableUpdateStale()');
    const { events } = await update(address, TABLE_TIMESTAMP + 1);
    expect(events.map((event) => event.name).sort()).toEqual([
      'MaxStalenessPeriodUpdated',
      'OperatorSetOwnerUpdated',
      'TableUpdated',
    ]);
  });

  test('default: leaves and roots are those of the recorded trees', async () => {
    const trees = readVectors<{
      readonly cases: readonly {
        readonly root: string;
        readonly operators: readonly {
          readonly leafHash: string;
          readonly pubkeyG1: { readonly x: string; readonly y: string };
          readonly weights: readonly string[];
        }[];
      }[];
    }>('operator-table-merkle');
    for (const { root, operators } of trees.cases) {
      const leaves = await Promise.all(
        operators.map(({ pubkeyG1, weights: recordedWeights }) =>
          chain.call(contracts.bn254Verifier, 'calculateOperatorInfoLeaf', [
            [[pubkeyG1.x, pubkeyG1.y], recordedWeights],
          ]),
        ),
      );
      expect(leaves).toEqual(operators.map((operator) => operator.leafHash));
      expect(toHex(merkleTree(leaves.map((leaf) => fromHex(leaf))).root)).toBe(root);
    }
  });
});

describe('ECDSACertificateVerifier', () => {
  const verify = (set: OperatorSetWords, certificate: EcdsaCertificate, thresholds: readonly number[]) =>
    chain.call(contracts.ecdsaVerifier, 'verifyCertificateProportion', [set, certificate, thresholds]);

  test.each(vectors.ecdsa)('default: accepts "$name"', async (recorded) => {
    expect(recorded.certificateOnChainCheck).toEqual({ reverted: false, result: true });
    const [met, signers] = await verify(setOf(recorded), recorded.certificate, thresholdsOf(recorded));
    expect(met).toBe(true);
    const known = recorded.operators.map((operator) => operator.signingAddress);
    expect(known).toEqual(expect.arrayContaining([...signers]));
  });

  test.each(vectors.ecdsa)(
    'behavior: judges what the Go node sent for "$name" as the real one',
    async (recorded) => {
      const { sig, onChainCheck } = recorded.referenceSubmitted;
      const judged = verify(setOf(recorded), { ...recorded.certificate, sig }, thresholdsOf(recorded));
      if (onChainCheck.reverted) await expect(judged).rejects.toThrow(`${onChainCheck.error}()`);
      else expect((await judged)[0]).toBe(onChainCheck.result);
    },
  );

  test.each(vectors.acceptedOffChainButRevertingOnChain)('error: refuses "$name"', async (recorded) => {
    const messageHash = await chain.call(contracts.mailbox, 'getMessageHash', [
      recorded.taskId,
      recorded.output,
    ]);
    const certificate = { referenceTimestamp: TABLE_TIMESTAMP, messageHash, sig: recorded.sig };
    expect(recorded.onChain.error).toBe('InvalidSignature');
    await expect(verify(setOf(recorded), certificate, [1])).rejects.toThrow('InvalidSignature()');
  });

  const three = recordedCase(vectors.ecdsa, 11);
  const set = setOf(three);
  const thresholds = thresholdsOf(three);
  const signatures = (three.certificate.sig.slice(2).match(/.{130}/g) ?? []).map((hex) =>
    fromHex(parseHex(`0x${hex}`)),
  );
  const [lowest, middle, highest] = signatures;
  if (!lowest || !middle || !highest) throw new Error('this case needs three signatures');
  const joined = (...parts: readonly Uint8Array[]) =>
    toHex(Uint8Array.from(parts.flatMap((part) => [...part])));
  const withV = (signature: Uint8Array, v: number) => Uint8Array.from([...signature.subarray(0, 64), v]);
  const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const highS = (signature: Uint8Array) => {
    const s = SECP256K1_ORDER - BigInt(toHex(signature.subarray(32, 64)));
    const flipped = fromHex(parseHex(`0x${s.toString(16).padStart(64, '0')}`));
    return Uint8Array.from([...signature.subarray(0, 32), ...flipped, signature[64] === 27 ? 28 : 27]);
  };

  test.each([
    ['v of 29', joined(withV(lowest, 29), middle, highest), 'InvalidSignature'],
    ['v of 0', joined(lowest, withV(middle, 0), highest), 'InvalidSignature'],
    ['v of 1', joined(lowest, middle, withV(highest, 1)), 'InvalidSignature'],
    ['a high s', joined(lowest, highS(middle), highest), 'InvalidSignature'],
    [
      'r of zero',
      joined(Uint8Array.from([...new Uint8Array(32), ...lowest.subarray(32)]), middle),
      'InvalidSignature',
    ],
    ['swapped signatures', joined(middle, lowest, highest), 'SignersNotOrdered'],
    ['a signature given twice', joined(lowest, lowest, highest), 'SignersNotOrdered'],
    ['a byte too few', joined(lowest, middle, highest.subarray(0, 64)), 'InvalidSignatureLength'],
    ['a byte too many', joined(lowest, middle, highest, Uint8Array.of(0)), 'InvalidSignatureLength'],
    ['no signature', '0x', 'InvalidSignatureLength'],
  ])('error: refuses %s', async (_what, sig, error) => {
    await expect(verify(set, { ...three.certificate, sig }, thresholds)).rejects.toThrow(`${error}()`);
  });

  /** What the rules make of the addresses that these signatures give for this digest. */
  async function expectedError(certificate: EcdsaCertificate): Promise<string> {
    const { referenceTimestamp, messageHash, sig } = certificate;
    const digest: string = await chain.call(contracts.ecdsaVerifier, 'calculateCertificateDigest', [
      referenceTimestamp,
      messageHash,
    ]);
    const pieces = (sig.slice(2).match(/.{130}/g) ?? []).map((hex) => fromHex(parseHex(`0x${hex}`)));
    const signers = pieces.map((piece) => recoverEcdsa(fromHex(parseHex(digest)), piece));
    const isOrdered = signers.every((signer, index) => index === 0 || signer > (signers[index - 1] ?? ''));
    return isOrdered ? 'VerificationFailed()' : 'SignersNotOrdered()';
  }

  test('error: another digest gives other signers, who are out of order or unknown', async () => {
    const errors = new Set<string>();
    for (let place = 0; place < 12; place++) {
      const bytes = fromHex(parseHex(three.certificate.messageHash));
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      const certificate = { ...three.certificate, messageHash: toHex(bytes) };
      const error = await expectedError(certificate);
      await expect(verify(set, certificate, thresholds)).rejects.toThrow(error);
      errors.add(error);
    }
    expect(errors).toContain('SignersNotOrdered()');
  });

  test('error: refuses a signer who is not in the table', async () => {
    const stranger = recordedCase(vectors.ecdsa, 10);
    const certificate = { ...three.certificate, sig: stranger.certificate.sig };
    await expect(verify(set, certificate, thresholds)).rejects.toThrow('VerificationFailed()');
    await expect(verify(setOf(stranger), three.certificate, [1])).rejects.toThrow('VerificationFailed()');
  });

  test('error: refuses an unknown reference timestamp and a disabled root', async () => {
    const unknown = { ...three.certificate, referenceTimestamp: TABLE_TIMESTAMP + 1 };
    await expect(verify(set, unknown, thresholds)).rejects.toThrow('ReferenceTimestampDoesNotExist()');
    const root = await chain.call(contracts.updater, 'getCurrentGlobalTableRoot', []);
    await chain.send(OWNER, contracts.updater, 'disableRoot', [root]);
    await expect(verify(set, three.certificate, thresholds)).rejects.toThrow('RootDisabled()');
    expect(await chain.call(contracts.updater, 'isRootValidByTimestamp', [TABLE_TIMESTAMP])).toBe(false);
  });

  test('error: refuses a stale table, and another number of thresholds than of stake types', async () => {
    await expect(verify(set, three.certificate, [1, 1])).rejects.toThrow('ArrayLengthMismatch()');
    const timestampSeconds = TABLE_TIMESTAMP + 100;
    const table = ecdsaTable(three, three.operators, 50);
    await transport(chain, contracts.updater, bn254, [table], {
      timestampSeconds,
      blockNumber: L1_BLOCK + 1,
    });
    await chain.mine(timestampSeconds + 51);
    const current = { ...three.certificate, referenceTimestamp: timestampSeconds };
    await expect(verify(set, current, thresholds)).rejects.toThrow('CertificateStale()');
  });

  test('behavior: signers missing below the threshold are an answer, not an error', async () => {
    const alone = { ...three.certificate, sig: joined(lowest) };
    const [met, signers] = await verify(set, alone, [10_000]);
    expect([met, signers.length]).toEqual([false, 1]);
  });

  test('error: totals need a table with operators', async () => {
    await expect(
      chain.call(contracts.ecdsaVerifier, 'getTotalStakeWeights', [set, TABLE_TIMESTAMP + 1]),
    ).rejects.toThrow('ReferenceTimestampDoesNotExist()');
    const timestampSeconds = TABLE_TIMESTAMP + 100;
    const at = { timestampSeconds, blockNumber: L1_BLOCK + 1 };
    await transport(chain, contracts.updater, bn254, [ecdsaTable(three, [])], at);
    await expect(
      chain.call(contracts.ecdsaVerifier, 'getTotalStakeWeights', [set, timestampSeconds]),
    ).rejects.toThrow('OperatorCountZero()');
  });
});

describe('digests', () => {
  const recorded = readVectors<{
    readonly cases: readonly {
      readonly input: {
        readonly taskId: string;
        readonly output: string;
        readonly referenceTimestamp: number;
      };
      readonly messageHash: string;
      readonly bn254: { readonly certificateDigest: string };
      readonly ecdsa: {
        readonly verifyingContract: string;
        readonly domainSeparator: string;
        readonly certificateDigestBytes66: string;
        readonly signedDigest: string;
      };
    }[];
  }>('task-result-digest').cases;

  test.each(recorded)('default: $messageHash and its digests are as recorded', async (vector) => {
    const { taskId, output, referenceTimestamp } = vector.input;
    expect(await chain.call(contracts.mailbox, 'getMessageHash', [taskId, output])).toBe(vector.messageHash);
    const args = [referenceTimestamp, vector.messageHash];
    expect(await chain.call(contracts.bn254Verifier, 'calculateCertificateDigest', args)).toBe(
      vector.bn254.certificateDigest,
    );
    const verifier = await chain.place('ECDSACertificateVerifier', vector.ecdsa.verifyingContract);
    expect(await chain.call(verifier, 'domainSeparator', [])).toBe(vector.ecdsa.domainSeparator);
    expect(await chain.call(verifier, 'calculateCertificateDigestBytes', args)).toBe(
      vector.ecdsa.certificateDigestBytes66,
    );
    expect(await chain.call(verifier, 'calculateCertificateDigest', args)).toBe(vector.ecdsa.signedDigest);
  });
});
