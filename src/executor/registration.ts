/** What L1 knows of this operator, told at the start: a node that cannot be asked for anything should say so. */
import { type Address, type BlockNumber, operatorSetKey } from '../base/brands.js';
import type { Logger } from '../base/logger.js';
import { describeKey, equalKeys, type RegisteredKey } from '../protocol/registered-key.js';
import type { AuthorityReader } from './admit-authority.js';

export interface RegistrationOptions {
  readonly operator: Address;
  readonly avss: readonly Address[];
  readonly ownKeys: readonly RegisteredKey[];
  readonly reader: Pick<AuthorityReader, 'executorSets' | 'registeredKey' | 'curve'>;
  readonly at: BlockNumber;
  readonly logger: Logger;
}

/** Logs one line per executor operator set of each AVS. @throws PonosError AVS_UNKNOWN, and the chain's */
export async function reportRegistrations(options: RegistrationOptions): Promise<void> {
  for (const avs of options.avss) {
    const sets = await options.reader.executorSets(avs, options.at);
    const reports = await Promise.all(sets.map((operatorSetId) => reportOne(avs, operatorSetId, options)));
    if (!reports.includes(true)) {
      options.logger.warn('this operator can sign for no operator set of the AVS at the moment', {
        avs,
        operator: options.operator,
      });
    }
  }
}

/** @returns whether the node can sign for the operator set */
async function reportOne(
  avs: Address,
  operatorSetId: number,
  options: RegistrationOptions,
): Promise<boolean> {
  const { operator, ownKeys, reader, at } = options;
  const operatorSet = { avs, id: operatorSetId };
  const logger = options.logger.child({ operatorSet: operatorSetKey(operatorSet) });
  const curve = await reader.curve(operatorSet, at);
  const registered = await reader.registeredKey(operatorSet, operator, at);
  if (registered === undefined) {
    logger.info('this operator has no key in an operator set of the AVS', { curve: curve ?? 'none' });
    return false;
  }
  const own = ownKeys.find((key) => key.curve === registered.curve);
  if (own && equalKeys(own, registered)) {
    logger.info('registered, with the key of this node', { curve, key: describeKey(own) });
    return true;
  }
  logger.warn(
    own
      ? 'the configured key is not the one registered: tasks of this operator set will be refused'
      : `no ${registered.curve} key is configured: tasks of this operator set will be refused`,
    { registered: describeKey(registered), configured: own && describeKey(own) },
  );
  return false;
}
