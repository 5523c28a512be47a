/** A chain and how it is read. */

import { L1_CHAIN_IDS, SUPPORTED_CHAIN_IDS } from '../known-chains.js';
import { height, httpUrl, integer, knownChainId, number, text, webSocketUrl } from '../leaf-options.js';
import { group, list } from '../option.js';

const chainKeys = {
  name: text({ doc: 'A name for logs; default: the usual name of the chain.' }),
  version: text({ doc: 'Accepted; it has no effect.', omitFromStarter: true }),
  chainId: knownChainId({ doc: 'EIP-155 chain id.', required: true, example: 31_337 }, SUPPORTED_CHAIN_IDS),
  rpcUrl: httpUrl({
    doc: 'JSON-RPC endpoint. L1 must serve past state (an archive node).',
    example: 'http://localhost:8545',
  }),
  rpcUrls: list(
    { doc: 'More endpoints, used in this order when one fails.' },
    httpUrl({ doc: 'JSON-RPC endpoint.' }),
  ),
  wsUrl: webSocketUrl({ doc: 'WebSocket endpoint that announces blocks; polling stays the base.' }),
  pollIntervalSeconds: number(
    { doc: 'Pause between looks at the head.', default: 10 },
    { min: 0.05, max: 3_600 },
  ),
  pollIntervalMs: integer(
    { doc: 'The same in milliseconds; wins over pollIntervalSeconds.' },
    { min: 50, max: 3_600_000 },
  ),
  blockConfirmations: integer(
    { doc: 'How many blocks must lie above a block before its tasks are taken.', default: 0 },
    { min: 0, max: 10_000 },
  ),
  maxBlockRange: integer(
    { doc: 'The most blocks that one request for logs spans.', default: 1_000 },
    { min: 1, max: 1_000_000 },
  ),
  startBlock: height({
    doc: 'Where a node that starts for the first time begins; default: far enough back to see every living task.',
  }),
  maxReorgDepth: integer(
    { doc: 'The deepest reorg that is followed; a deeper one stops the chain.', default: 64 },
    { min: 1, max: 100_000 },
  ),
};

export const chainOption = group({ doc: 'One chain.' }, chainKeys);

export const l1ChainOption = group(
  { doc: 'The chain that holds operator sets, keys and stake.' },
  {
    ...chainKeys,
    chainId: knownChainId({ doc: 'EIP-155 chain id.', required: true, example: 31_337 }, L1_CHAIN_IDS),
  },
);
