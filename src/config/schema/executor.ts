/** The executor's configuration. */
import {
  address,
  boolean,
  choice,
  duration,
  imageDigest,
  inputFile,
  integer,
  literalSecret,
  number,
  port,
  size,
  text,
  variableName,
} from '../leaf-options.js';
import { group, list, optionalGroup } from '../option.js';
import { chainOption, l1ChainOption } from './chain.js';
import * as node from './node.js';
import { executorOperator } from './operator.js';

const keyRef = (doc: string) =>
  optionalGroup(
    { doc },
    {
      name: text({ doc: 'Name of the object.', required: true }),
      key: text({ doc: 'Key in it.', required: true }),
    },
  );

const performerEnv = group(
  { doc: 'One variable of the performer: value, valueFromEnv or kubernetesEnv.' },
  {
    name: variableName({ doc: 'Its name.', required: true }),
    value: literalSecret({ doc: 'Its value, taken as it stands.' }),
    valueFromEnv: variableName({
      doc: "The variable of the executor's own environment that holds its value.",
    }),
    kubernetesEnv: optionalGroup(
      { doc: 'Its value from a Kubernetes object.' },
      {
        valueFrom: group(
          { doc: 'One of the two.' },
          { secretKeyRef: keyRef('From a Secret.'), configMapKeyRef: keyRef('From a ConfigMap.') },
        ),
      },
    ),
  },
);

const performer = group(
  { doc: 'One AVS and the program that does its tasks.' },
  {
    avsAddress: address({ doc: 'The AVS.', required: true, exampleVariable: 'AVS_ADDRESS' }),
    avsRegistrarAddress: address({
      doc: 'Accepted; the registrar is read from the chain.',
      omitFromStarter: true,
    }),
    operatorAddress: address({
      doc: 'Accepted; the operator is that of operator.address.',
      omitFromStarter: true,
    }),
    processType: choice(
      { doc: 'server; the older word docker means the same.', default: 'server', omitFromStarter: true },
      ['server'],
      {
        docker: 'server',
      },
    ),
    deploymentMode: choice(
      {
        doc: 'Where the performer runs: in a container, in a Kubernetes cluster, or as a child process. One mode for all performers.',
        default: 'docker',
      },
      ['docker', 'kubernetes', 'process'],
    ),
    image: optionalGroup(
      { doc: 'The container image.' },
      {
        repository: text({ doc: 'Registry and name.', required: true, example: 'my-avs-performer' }),
        tag: text({ doc: 'Tag.', example: 'latest' }),
        digest: imageDigest({ doc: 'Digest; wins over the tag.' }),
      },
    ),
    command: list(
      {
        doc: 'With deploymentMode process: the program and its arguments. It serves gRPC on 127.0.0.1, port $PORT.',
      },
      text({ doc: 'A word.' }),
    ),
    envs: list({ doc: 'Variables of the performer.' }, performerEnv),
    resources: group(
      { doc: 'Limits.' },
      {
        memory: size({ doc: 'Memory.', default: '1g' }),
        cpus: number({ doc: 'Processors.', default: 2 }, { min: 0.01, max: 1_024 }),
        pids: integer({ doc: 'Processes and threads.', default: 512 }, { min: 1, max: 1_000_000 }),
        readOnlyRootfs: boolean({ doc: 'Mount the root file system read-only.', default: false }),
        user: text({ doc: 'User (and group) inside; default: that of the image.' }),
      },
    ),
    kubernetes: optionalGroup(
      { doc: 'Settings of this performer in the cluster.' },
      {
        serviceAccountName: text({ doc: 'Service account of its pod.' }),
        endpointOverride: text({ doc: 'host:port at which it is reached, instead of what its status says.' }),
      },
    ),
  },
);

export const executorSchema = group(
  { doc: 'Configuration of `ponos executor`.', aliases: { authConfig: 'authentication' } },
  {
    debug: node.debug,
    grpcPort: port({ doc: 'Task API.', default: 9_090, flag: 'grpc-port' }),
    managementServerGrpcPort: port({
      doc: 'Management API; default: on grpcPort too.',
      flag: 'management-server-grpc-port',
    }),
    performerNetworkName: text({
      doc: 'Docker network of the performers; empty: they are published on a loopback port.',
      default: '',
      flag: 'performer-network-name',
    }),
    operator: executorOperator,
    l1Chain: l1ChainOption,
    chains: list({ doc: 'More chains to look tasks up on; L1 is always one of them.' }, chainOption),
    requireTaskOnChain: boolean({
      doc: 'Refuse a task that no configured chain knows, even when not all chains are configured.',
      default: false,
    }),
    avsPerformers: list({ doc: 'The AVSs this executor works for.', example: 'item' }, performer),
    storage: node.storage('executor'),
    authentication: node.authentication,
    grpc: node.grpc,
    limits: group(
      { doc: 'What a caller may ask.' },
      {
        maxPayloadBytes: integer(
          { doc: 'Payload of a task.', default: 1_572_864 },
          { min: 1, max: 16_777_216 },
        ),
        maxOutputBytes: integer({ doc: 'Output of a task.', default: 1_572_864 }, { min: 1, max: 1_572_864 }),
        maxConcurrentTasks: integer(
          { doc: 'Tasks at one time, per AVS.', default: 256 },
          { min: 1, max: 100_000 },
        ),
        maxTaskSeconds: integer(
          { doc: 'Time of a task whose deadline cannot be read from the chain.', default: 300 },
          { min: 1, max: 86_400 },
        ),
        maxTaskBlockAgeDays: integer(
          { doc: 'Age of the block a task names.', default: 30 },
          { min: 1, max: 3_650 },
        ),
        requestsPerSecondPerPeer: integer(
          { doc: 'Requests of one peer.', default: 200 },
          { min: 1, max: 1_000_000 },
        ),
        drainSeconds: integer(
          { doc: 'How long a replaced performer may finish its tasks.', default: 30 },
          { min: 0, max: 3_600 },
        ),
      },
    ),
    releases: group(
      { doc: 'Which images may run.' },
      {
        require: choice(
          { doc: "latest: refuse a digest that is not in the AVS's latest release.", default: 'any' },
          ['any', 'latest'],
        ),
      },
    ),
    kubernetes: optionalGroup(
      {
        doc: 'The cluster of performers, with deploymentMode kubernetes. Without performers here, calls deploy them there.',
      },
      {
        namespace: text({ doc: 'Namespace of the performers.', default: 'default' }),
        operatorNamespace: text({
          doc: 'Accepted; the Hourglass operator is reached through the objects alone.',
          default: 'hourglass-system',
        }),
        crdGroup: text({ doc: 'Group of the Performer object.', default: 'hourglass.eigenlayer.io' }),
        crdVersion: text({ doc: 'Version of the Performer object.', default: 'v1alpha1' }),
        connectionTimeout: duration({
          doc: 'How long an answer of the API server may take.',
          default: '30s',
        }),
        kubeConfigPath: inputFile({ doc: 'A kubeconfig file; wins over inCluster.' }),
        inCluster: boolean({
          doc: "Use the service account of this node's pod; false: the user's own kubeconfig.",
          default: true,
        }),
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
