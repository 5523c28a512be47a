/** Which chain and mailbox a `ponos task` command means. */
import { type Address, chainId, parseAddress } from '../../base/brands.js';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { silentLogger } from '../../base/logger.js';
import { type ChainClient, createChainClient } from '../../chain/client.js';
import { knownChain } from '../../config/known-chains.js';
import { type DevnetState, findDevnet, requireDevnet } from '../../devnet/state.js';
import { optionalFlagValue } from '../flag-value.js';

export interface TargetFlags {
  readonly devnet?: string;
  readonly chain: string;
  readonly rpcUrl?: string;
  readonly mailbox?: string;
}

export interface Target {
  readonly client: ChainClient;
  readonly mailbox: Address;
  /** Set when the chain is one of a devnet: the source of further defaults. */
  readonly devnet: DevnetState | undefined;
}

const DEFAULT_DEVNET = './devnet';
/** For the first word of an endpoint; without it, one that says nothing would be waited for for minutes. */
const FIRST_ANSWER_MS = 15_000;

/** @throws PonosError USAGE, DEVNET_FAILED, CHAIN_UNREACHABLE */
export async function openTarget(flags: TargetFlags): Promise<Target> {
  const { client, devnet } = await openEndpoint(flags);
  const mailbox = optionalFlagValue('--mailbox', flags.mailbox, parseAddress) ?? knownMailbox(client.chainId);
  return { client, mailbox, devnet };
}

/** The chain alone; `avs` is that of a devnet. @throws PonosError as `openTarget` */
export async function openEndpoint(
  flags: Omit<TargetFlags, 'mailbox'>,
  firstAnswerMs = FIRST_ANSWER_MS,
): Promise<Pick<Target, 'client' | 'devnet'> & { readonly avs: Address | undefined }> {
  const devnet = flags.rpcUrl === undefined ? chooseDevnet(flags) : undefined;
  const { url, id, name } =
    devnet === undefined
      ? await askEndpoint(flags.rpcUrl ?? '', firstAnswerMs)
      : devnetChain(devnet, flags.chain);
  const client = createChainClient({
    chainId: chainId(id),
    name,
    rpcUrls: [url],
    clock: systemClock,
    logger: silentLogger,
  });
  return { client, devnet, avs: devnet?.avs };
}

function chooseDevnet(flags: Pick<TargetFlags, 'devnet'>): DevnetState {
  if (flags.devnet !== undefined || findDevnet(DEFAULT_DEVNET) !== undefined) {
    return requireDevnet(flags.devnet ?? DEFAULT_DEVNET);
  }
  throw new PonosError('USAGE', {
    message: 'no chain was named, and there is no devnet in ./devnet',
    advice: 'Give --rpc-url URL, or --devnet FOLDER, or run `ponos devnet up`.',
  });
}

function devnetChain(devnet: DevnetState, wanted: string): { url: string; id: number; name: string } {
  const chain = devnet.chains.find(
    ({ name, chainId: id }) => name === wanted.toUpperCase() || String(id) === wanted,
  );
  if (chain === undefined) {
    throw new PonosError('USAGE', {
      message: `the devnet has no chain ${wanted}`,
      advice: `Allowed: ${devnet.chains.map(({ name }) => name).join(', ')}.`,
    });
  }
  return { url: chain.url, id: chain.chainId, name: chain.name };
}

async function askEndpoint(
  url: string,
  timeoutMs: number,
): Promise<{ url: string; id: number; name: string }> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { result } = (await response.json()) as { result?: unknown };
    const id = Number(result);
    if (!Number.isSafeInteger(id) || id < 1) throw new Error(`eth_chainId gave ${JSON.stringify(result)}`);
    return { url, id, name: knownChain(id)?.name ?? `chain ${id}` };
  } catch (cause) {
    throw new PonosError('CHAIN_UNREACHABLE', {
      message: 'the endpoint of --rpc-url does not tell its chain id',
      advice: 'Check the URL, and that the node behind it is running.',
      cause,
    });
  }
}

function knownMailbox(id: number): Address {
  const known = knownChain(id)?.contracts.taskMailbox;
  if (known !== undefined) return known;
  throw new PonosError('USAGE', {
    message: `no mailbox is known on chain ${id}`,
    advice: 'Name it with --mailbox ADDRESS.',
  });
}
