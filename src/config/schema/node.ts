/** What both roles share: storage, contracts, servers, logs, shutdown. */
import { CONTRACT_NAMES, type ContractName, SUPPORTED_CHAIN_IDS } from '../known-chains.js';
import {
  address,
  boolean,
  choice,
  contractReference,
  inputFile,
  integer,
  knownChainId,
  outputPath,
  port,
  size,
  text,
} from '../leaf-options.js';
import { group, list, optionalGroup } from '../option.js';

const count = (doc: string) => integer({ doc }, { min: 0, max: Number.MAX_SAFE_INTEGER });

export const debug = boolean({
  doc: 'Debug logs; the same as logging.level: debug.',
  default: false,
  flag: 'debug',
});

/** `role` gives the example of a folder, so that two nodes on one machine do not share it. */
export const storage = (role: 'aggregator' | 'executor') =>
  group(
    { doc: 'Where state is kept.', aliases: { badgerConfig: 'badger' } },
    {
      type: choice(
        {
          doc: 'memory forgets everything at a restart; level is LevelDB on disk; badger is accepted from existing files and means LevelDB in the folder level inside badger.dir.',
          default: 'memory',
          example: 'level',
        },
        ['memory', 'level', 'badger'],
      ),
      level: group(
        { doc: 'Settings of LevelDB.' },
        {
          dir: outputPath({ doc: 'Folder of the database.', example: `./data/${role}` }),
          writeBufferSize: size({ doc: 'Bytes collected in memory before they are sorted to disk.' }),
          cacheSize: size({ doc: 'Bytes of read cache.' }),
          syncWrites: boolean({
            doc: 'Wait for the disk at every write: what survives a power cut.',
            default: true,
          }),
        },
      ),
      badger: group(
        {
          doc: 'Settings from files of the Go node. Those without a meaning for LevelDB are accepted and named in a warning.',
          omitFromStarter: true,
        },
        {
          dir: outputPath({ doc: 'Folder of the database.' }),
          inMemory: boolean({ doc: 'true means storage type memory.', default: false }),
          valueLogFileSize: count('No meaning here.'),
          numVersionsToKeep: count('No meaning here.'),
          numLevelZeroTables: count('No meaning here.'),
          numLevelZeroTablesStall: count('No meaning here.'),
          valueLogMaxEntries: count('No meaning here.'),
        },
      ),
    },
  );

export const contracts = optionalGroup(
  { doc: 'Core contracts instead of the built-in list.', omitFromStarter: true },
  {
    contracts: list(
      { doc: 'The list.' },
      group(
        { doc: 'One contract on one chain.' },
        {
          name: text({ doc: 'Its name, such as TaskMailbox.', required: true }),
          address: address({ doc: 'Its address.', required: true }),
          chainId: knownChainId({ doc: 'Its chain.', required: true }, SUPPORTED_CHAIN_IDS),
          abiVersions: list({ doc: 'Accepted; it has no effect.' }, text({ doc: 'A version.' })),
        },
      ),
    ),
  },
);

const contractOverride = (name: ContractName) =>
  optionalGroup(
    { doc: `Another ${name}.`, ...(name === 'taskMailbox' ? {} : { omitFromStarter: true as const }) },
    {
      contract: contractReference({
        doc: 'Its address, or JSON text with name, address and abiVersions.',
        required: true,
      }),
      chainIds: list(
        { doc: 'The chains on which it is meant; none: all of them.' },
        knownChainId({ doc: 'A chain id.' }, SUPPORTED_CHAIN_IDS),
      ),
    },
  );

type Overrides = { readonly [K in ContractName]: ReturnType<typeof contractOverride> };

export const overrideContracts = optionalGroup(
  { doc: 'Single core contracts at other addresses, by name.' },
  Object.fromEntries(CONTRACT_NAMES.map((name) => [name, contractOverride(name)])) as Overrides,
);

export const authentication = group(
  {
    doc: 'Challenge tokens on the management API. enabled absent: served to loopback peers only; false: served to everyone; true: tokens.',
    aliases: { isEnabled: 'enabled' },
  },
  {
    enabled: boolean({ doc: 'See above; there is no default.' }),
    bindRequest: boolean({
      doc: 'The signature must cover method and request too, not only the token.',
      default: false,
    }),
  },
);

export const metrics = group(
  {
    doc: 'HTTP endpoint with metrics and health. Its server comes in a later version; until then nothing is opened.',
  },
  {
    enabled: boolean({ doc: 'Open it.', default: true }),
    host: text({ doc: 'Where it listens.', default: '127.0.0.1' }),
    port: port({ doc: 'Its port.', default: 9_464 }),
  },
);

export const grpc = group(
  { doc: 'gRPC servers and clients.' },
  {
    host: text({ doc: 'Where the servers listen.', default: '0.0.0.0' }),
    tls: optionalGroup(
      {
        doc: 'TLS of the servers, on every port. The files are read again when they are renewed, and at SIGHUP.',
        needsValue: true,
      },
      {
        certFile: inputFile({
          doc: 'Certificate, PEM, with those between it and its authority.',
          required: true,
        }),
        keyFile: inputFile({ doc: 'Its private key, PEM, without a passphrase.', required: true }),
        caFile: inputFile({
          doc: 'Certificate authorities of clients, PEM. A client that shows a certificate of another is refused.',
        }),
        requireClientCert: boolean({
          doc: 'Refuse clients without a certificate; it needs caFile.',
          default: false,
        }),
      },
    ),
    clientTls: optionalGroup(
      {
        doc: 'TLS of the calls to other nodes, an aggregator to executors, and of commands to this node. It may be empty: {}.',
        needsValue: true,
      },
      {
        certFile: inputFile({ doc: 'Certificate of this node, PEM, for servers that require one.' }),
        keyFile: inputFile({ doc: 'Its private key, PEM, without a passphrase.' }),
        caFile: inputFile({
          doc: 'Certificate authorities of servers, PEM; absent: those that Node.js knows.',
        }),
      },
    ),
  },
);

export const logging = group(
  { doc: 'Logs, to standard error.' },
  {
    level: choice({ doc: 'The least level that is written.', default: 'info' }, [
      'debug',
      'info',
      'warn',
      'error',
    ]),
    format: choice({ doc: 'text for people, json for machines.', default: 'text' }, ['text', 'json']),
    file: optionalGroup(
      { doc: 'A log file beside standard error. What a full disk does not take is left out, and told.' },
      {
        path: outputPath({
          doc: 'The file. Where it can never be written, the node does not start.',
          required: true,
        }),
        maxSize: size({ doc: 'It is rotated at this size.', default: '100m' }),
        maxBackups: integer(
          { doc: 'How many old files are kept; node1.log is the one before node.log.', default: 5 },
          { min: 0, max: 1_000 },
        ),
      },
    ),
  },
);

export const retention = group(
  { doc: 'How long finished tasks are kept, and the outputs of answered ones.' },
  {
    taskDays: integer(
      { doc: 'Days; never less than the deadline and the longest reorg.', default: 7 },
      { min: 1, max: 3_650 },
    ),
    sweepSeconds: integer({ doc: 'Pause between two sweeps.', default: 300 }, { min: 1, max: 86_400 }),
  },
);

export const shutdown = group(
  { doc: 'What happens at SIGTERM.' },
  {
    graceSeconds: integer(
      { doc: 'How long work in flight may take before the process ends.', default: 30 },
      { min: 0, max: 3_600 },
    ),
  },
);
