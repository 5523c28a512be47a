/** What an AVS has set up on L1: its registrar, and which of its operator sets aggregate and execute. */
import type { Address } from '../base/brands.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { BlockTag } from './client.js';
import type { Caller } from './contract.js';
import { createAllocationManager } from './contracts/allocation-manager.js';
import { type AvsConfig, createAvsRegistrar } from './contracts/avs-registrar.js';

export interface AvsSetup extends AvsConfig {
  readonly registrar: Address;
}

export interface AvsSetupRequest {
  readonly l1: Caller;
  readonly allocationManager: Address;
  readonly avs: Address;
  /** The task's L1 block, or `latest`. */
  readonly at: BlockTag;
}

/** @throws PonosError AVS_UNKNOWN when the AVS has no registrar with a task configuration, and the client's */
export async function readAvsSetup(request: AvsSetupRequest): Promise<AvsSetup> {
  const { l1, avs, at } = request;
  const registrar = await createAllocationManager(l1, request.allocationManager).getAvsRegistrar(avs, at);
  const config = await createAvsRegistrar(l1, registrar)
    .getAvsConfig(at)
    .catch((error: unknown) => {
      if (isPonosError(error, 'CONTRACT_MISSING') || isPonosError(error, 'CONTRACT_REVERTED')) {
        throw unknownAvs(request, registrar, error);
      }
      throw error;
    });
  return { registrar, ...config };
}

function unknownAvs(request: AvsSetupRequest, registrar: Address, cause: PonosError): PonosError {
  // The AllocationManager names the AVS itself as the registrar of an AVS that has set none.
  const hasRegistrar = registrar !== request.avs;
  return new PonosError('AVS_UNKNOWN', {
    message: hasRegistrar
      ? `the registrar of AVS ${request.avs} has no task configuration`
      : `AVS ${request.avs} has no registrar`,
    facts: { registrar, chainId: request.l1.chainId, block: request.at },
    advice: 'Check the address of the AVS and that it is set up on this L1.',
    cause: hasRegistrar ? cause : undefined,
  });
}
