/** What L1 knows of this operator as an aggregator, told at the start: tasks of an AVS that refuses it will fail. */
import type { Address } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { createKeyRegistrar } from '../chain/contracts/key-registrar.js';
import { encodeG2 } from '../crypto/bn254/points.js';
import type { CurveName } from '../crypto/curve.js';
import type { Signer } from '../signer/signer.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { type AggregatorStanding, type IntakeOptions, readStanding } from './intake.js';

export interface StandingOptions {
  readonly l1: IntakeOptions['l1'];
  readonly aggregator: Address;
  readonly signers: ReadonlyMap<CurveName, Signer>;
  readonly avs: Address;
  readonly store: Pick<AggregatorStore, 'avss'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Logs membership and key, and keeps what was read.
 * @throws PonosError AVS_UNKNOWN when the AVS has no registrar, the client's and the store's
 */
export async function reportStanding(options: StandingOptions): Promise<void> {
  const { l1, aggregator, avs, signers } = options;
  const { number: at } = await l1.client.head();
  const standing = await readStanding(avs, options, at);
  await keepSetup(options, standing);
  const { aggregatorOperatorSetId, executorOperatorSetIds } = standing.setup;
  const logger = options.logger.child({ avs, operator: aggregator, aggregatorOperatorSetId });
  if (!standing.isMember) {
    logger.warn(
      "this operator is not a member of the AVS's aggregator operator set: executors will refuse it",
    );
    return;
  }
  const signer = standing.curve && signers.get(standing.curve);
  if (signer === undefined) {
    logger.warn(
      "no signing key of the aggregator operator set's curve is configured: tasks will be refused",
      {
        curve: standing.curve ?? 'none',
      },
    );
    return;
  }
  const registered = await registeredKey(options, standing, signer.curve, at);
  const own = signer.curve === 'ecdsa' ? signer.publicIdentity : toHex(encodeG2(signer.publicIdentity.g2));
  if (registered !== own) {
    logger.warn(
      'the configured signing key is not the one registered: executors will refuse its signatures',
      {
        curve: signer.curve,
        registered,
        configured: own,
      },
    );
    return;
  }
  logger.info('member of the aggregator operator set, with the key of this node', {
    curve: signer.curve,
    executorOperatorSetIds,
  });
}

async function keepSetup(
  { avs, store, clock }: StandingOptions,
  standing: AggregatorStanding,
): Promise<void> {
  const { registrar, aggregatorOperatorSetId, executorOperatorSetIds } = standing.setup;
  const { isMember, curve = 'none' } = standing;
  const common = { avs, registrar, readAtMs: clock.nowMs() };
  await store.avss.keepOperatorSets(avs, [aggregatorOperatorSetId, ...executorOperatorSetIds]);
  await store.avss.noteOperatorSet({
    ...common,
    id: aggregatorOperatorSetId,
    role: 'aggregator',
    curve,
    isMember,
  });
  for (const id of executorOperatorSetIds) {
    if (id === aggregatorOperatorSetId) continue;
    await store.avss.noteOperatorSet({ ...common, id, role: 'executor' });
  }
}

/** A signing address, or both coordinates of a G2 key. */
async function registeredKey(
  { l1, aggregator, avs }: StandingOptions,
  { setup }: AggregatorStanding,
  curve: CurveName,
  at: Parameters<typeof readStanding>[2],
): Promise<string> {
  const registrar = createKeyRegistrar(l1.client, l1.addresses.keyRegistrar);
  const operatorSet = { avs, id: setup.aggregatorOperatorSetId };
  if (curve === 'ecdsa') return registrar.getEcdsaAddress(operatorSet, aggregator, at);
  return toHex(encodeG2((await registrar.getBn254Key(operatorSet, aggregator, at)).g2));
}
