/** A certificate's price and how to lower it: witnesses of non-signers, paid for once by table, and the wait for late signers. */
import { untilAborted } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { createBn254CertificateVerifier } from '../chain/contracts/bn254-certificate-verifier.js';
import { certificateGas } from './certificate-gas.js';
import type { CertifiedResult } from './certify.js';
import type { ChainContext } from './chain-context.js';
import type { QuorumWindow } from './gather.js';
import type { NonsignerMemory, TableName } from './nonsigner-memory.js';
import type { TaskPlan } from './task-plan.js';

export interface CertificateCostOptions {
  readonly chain: Pick<ChainContext, 'client' | 'addresses'>;
  /** 0 for no window. */
  readonly quorumWindowMs: number;
  readonly nonsigners: NonsignerMemory;
  readonly logger: Logger;
}

/** Undefined when it is off, and for ECDSA, whose certificates have no witnesses to spare. */
export function quorumWindow(
  plan: TaskPlan,
  { chain, quorumWindowMs: lengthMs, nonsigners, logger }: CertificateCostOptions,
  signal: AbortSignal,
): QuorumWindow | undefined {
  if (lengthMs === 0 || plan.curve !== 'bn254') return undefined;
  const verifier = createBn254CertificateVerifier(chain.client, chain.addresses.bn254CertificateVerifier);
  const table = tableOf(plan);
  const ask = (index: number) =>
    untilAborted(
      verifier.isNonsignerCached(table.operatorSet, table.referenceTimestamp, index, 'latest'),
      signal,
    );
  return {
    lengthMs,
    cached: async (nonSigners) => {
      const indexes = nonSigners.map(({ index }) => index);
      try {
        return await nonsigners.cached(table, indexes, ask);
      } catch (error) {
        // It costs the rest of the window, or gas; never the task.
        logger.debug('the verifier cannot be asked now which witnesses are paid for', { error });
        return nonsigners.known(table, indexes);
      }
    },
  };
}

export interface CertificateCost {
  /** Non-signers whose witness is known to be paid for; absent when nobody has asked. */
  readonly cachedNonSigners?: number;
  readonly estimatedGas: number;
}

/** From what is known already: nothing is asked for an estimate. */
export function certificateCost(
  plan: TaskPlan,
  { signers, nonSigners, certificate, output }: CertifiedResult,
  nonsigners: NonsignerMemory,
): CertificateCost {
  const absent = new Set(nonSigners);
  const indexes = plan.operators.filter(({ operator }) => absent.has(operator)).map(({ index }) => index);
  const cached = nonsigners.known(tableOf(plan), indexes).size;
  const witnesses = plan.curve === 'bn254' ? nonSigners.length : 0;
  const estimatedGas = certificateGas({
    curve: plan.curve,
    signers: signers.length,
    witnesses,
    paidWitnesses: witnesses - cached,
    certificateBytes: certificate.length,
    outputBytes: output.length,
  });
  return { ...(cached > 0 && { cachedNonSigners: cached }), estimatedGas };
}

function tableOf({ task }: TaskPlan): TableName {
  const { chainId, avs, operatorSetId: id, referenceTimestamp } = task;
  return { chainId, operatorSet: { avs, id }, referenceTimestamp };
}
