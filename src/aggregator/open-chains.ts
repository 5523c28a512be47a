/** Opening all chains at once, each as soon as it is reached. */
import type { CloseStack } from '../base/close-stack.js';
import { PonosError } from '../base/error.js';
import { noteOtherVerifier } from '../chain/probe.js';
import { l1CoreAddresses } from '../config/known-chains.js';
import type { IntakeOptions } from './intake.js';
import { type OpenChainOptions, type OpenedChain, openChain } from './open-chain.js';

export interface OpenedChains {
  readonly chains: readonly OpenedChain[];
  readonly l1: IntakeOptions['l1'] & Pick<OpenedChain, 'time'>;
}

/**
 * Waits for chains that are not reached. What was opened is closed by the stack, also after a failure.
 * @throws PonosError as `openChain`: one that is wrong ends the waiting for others that are down
 */
export async function openChains(
  { config, ...options }: Omit<OpenChainOptions, 'chain'>,
  stack: CloseStack,
  signal: AbortSignal,
): Promise<OpenedChains> {
  const givenUp = new AbortController();
  const both = AbortSignal.any([signal, givenUp.signal]);
  const opened = await Promise.allSettled(
    config.chains.map(async (chain) => {
      try {
        const open = await openChain({ config, chain, ...options }, both);
        stack.add(`the connection to chain ${chain.name}`, () => open.close());
        return open;
      } catch (error) {
        givenUp.abort(error);
        throw error;
      }
    }),
  );
  if (givenUp.signal.aborted) throw givenUp.signal.reason;
  const chains = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const l1Chain = chains.find(({ chainId }) => chainId === config.l1ChainId);
  if (l1Chain === undefined)
    throw new PonosError('CONFIG_INVALID', { message: 'l1ChainId is not one of chains' });
  const addresses = l1CoreAddresses(config.l1ChainId, config);
  for (const chain of chains) {
    const { ecdsaCertificateVerifier } = chain.addresses;
    const note = noteOtherVerifier(chain.name, ecdsaCertificateVerifier, addresses.ecdsaCertificateVerifier);
    if (note !== undefined) options.logger.warn(note);
  }
  const { chainId, client, time } = l1Chain;
  return { chains, l1: { chainId, client, time, addresses } };
}
