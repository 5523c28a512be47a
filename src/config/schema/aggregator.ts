/** The aggregator's configuration. */
import { L1_CHAIN_IDS, SUPPORTED_CHAIN_IDS } from '../known-chains.js';
import { address, boolean, choice, cidr, integer, knownChainId, number, port } from '../leaf-options.js';
import { group, list } from '../option.js';
import { chainOption } from './chain.js';
import * as node from './node.js';
import { aggregatorOperator } from './operator.js';

export const aggregatorSchema = group(
  { doc: 'Configuration of `ponos aggregator`.', aliases: { authConfig: 'authentication' } },
  {
    debug: node.debug,
    l1ChainId: knownChainId(
      {
        doc: 'The chain that holds operator sets, keys and stake; one of chains.',
        required: true,
        example: 31_337,
      },
      L1_CHAIN_IDS,
    ),
    operator: aggregatorOperator,
    chains: list(
      { doc: 'The chains whose mailboxes are watched, L1 among them.', required: true, example: 'item' },
      chainOption,
    ),
    avss: list(
      {
        doc: 'The AVSs this aggregator serves. What was registered or deregistered at run time holds over this list, also after a restart, until it is registered or deregistered anew.',
        example: 'item',
      },
      group(
        { doc: 'One AVS.' },
        {
          address: address({ doc: 'The AVS.', required: true, exampleVariable: 'AVS_ADDRESS' }),
          chainIds: list(
            { doc: 'The chains on which its tasks are taken.', required: true, example: [31_337] },
            knownChainId({ doc: 'A chain id.' }, SUPPORTED_CHAIN_IDS),
          ),
          avsRegistrarAddress: address({
            doc: 'Accepted; the registrar is read from the chain.',
            omitFromStarter: true,
          }),
        },
      ),
    ),
    storage: node.storage('aggregator'),
    managementServerGrpcPort: port({
      doc: 'Management API.',
      default: 9_010,
      flag: 'management-server-grpc-port',
    }),
    tlsEnabled: boolean({
      doc: 'Dial executors with TLS; those on this machine without. With grpc.clientTls all are dialled with TLS, whatever stands here.',
      default: false,
    }),
    authentication: node.authentication,
    grpc: node.grpc,
    tasks: group(
      { doc: 'How tasks are worked on.' },
      {
        maxConcurrent: integer(
          {
            doc: 'The most tasks at one time. Half of them are kept, in equal parts, for each of several AVSs: none waits for the burst of another.',
            default: 256,
          },
          { min: 1, max: 100_000 },
        ),
        quorumWindowMs: integer(
          {
            doc: 'How long to wait for more signatures of a BN254 task after the threshold is met, where they make its certificate cheaper.',
            default: 0,
          },
          { min: 0, max: 600_000 },
        ),
        nonePolicy: choice(
          {
            doc: 'When a task without threshold is submitted: after all have answered (or late in its time), with over half of the weight, or with the first answer.',
            default: 'all',
          },
          ['all', 'majority', 'first'],
        ),
        submission: group(
          { doc: 'Transactions with results.' },
          {
            maxFeeGwei: number(
              { doc: 'The most that is offered for a unit of gas; absent: no cap.' },
              { min: 0, max: 1e9 },
            ),
            bumpPercent: integer(
              { doc: 'How much more a replacement offers.', default: 20 },
              { min: 10, max: 1_000 },
            ),
            bumpAfterBlocks: integer(
              { doc: 'How many blocks a transaction may wait before it is replaced.', default: 3 },
              { min: 1, max: 10_000 },
            ),
          },
        ),
        peers: group(
          {
            doc: 'Which addresses executors may have. Link-local, metadata and (except with the local L1) loopback addresses are refused unless allowed.',
          },
          {
            allow: list({ doc: 'Allowed beside what is allowed anyway.' }, cidr({ doc: 'A range.' })),
            deny: list({ doc: 'Refused in any case.' }, cidr({ doc: 'A range.' })),
          },
        ),
      },
    ),
    retention: node.retention,
    metrics: node.metrics,
    logging: node.logging,
    shutdown: node.shutdown,
    contracts: node.contracts,
    overrideContracts: node.overrideContracts,
  },
);
