/** An executor, from its configuration to a node that serves, and back down in reverse order. */
import { toHex } from '../base/bytes.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { CloseStack } from '../base/close-stack.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig } from '../config/types.js';
import { loadBn254 } from '../crypto/bn254/bn254.js';
import { encodeG1 } from '../crypto/bn254/points.js';
import { type RegisteredKey, verifiesWith } from '../protocol/registered-key.js';
import { createManagementGuard } from '../rpc/auth/management-guard.js';
import type { StorageServiceImplementation } from '../rpc/generated/ponos/v1/storage.js';
import { openNodeTls } from '../rpc/open-tls.js';
import { loadSigningKeys, type SigningKeys } from '../signer/load-signers.js';
import { managementSigner, publicKeyOf } from '../signer/management-signer.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { acquireNodeLock, lockFolder } from '../store/node-lock.js';
import { openStore } from '../store/open-store.js';
import { openDeployments } from './deployments.js';
import type { Intake } from './intake.js';
import { L1Head } from './l1-head.js';
import { createExecutorManagement } from './management.js';
import { openAnswers } from './open-answers.js';
import { openChains } from './open-chains.js';
import { openPerformers } from './open-performers.js';
import { openTaskFlow } from './open-task-flow.js';
import { createPerformerService } from './performer-service.js';
import { reportRegistrations } from './registration.js';
import { releaseRule } from './require-released.js';
import { startExecutorServers } from './servers.js';
import type { TaskFlow } from './task-flow.js';

export interface ExecutorOptions {
  readonly config: ExecutorConfig;
  /** What the management port tells of the store, once it is open; absent: nothing. */
  readonly storageService?: (store: KeyValueStore) => StorageServiceImplementation;
  /** Begin anew although the storage directory holds a Go node's state. */
  readonly acceptFreshState: boolean;
  /** This program's environment: `valueFromEnv` of performers, `PONOS_RUNTIME_DIR`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Executor {
  readonly grpcPort: number;
  readonly managementPort: number;
  /** Reads the certificates again now; those that cannot be used are said, and the old ones stay. */
  reloadTls(): Promise<void>;
  /**
   * Takes no further work, finishes what runs within `shutdown.graceSeconds`, ends the rest, and closes everything,
   * the store last. May be called twice.
   */
  close(): Promise<void>;
}

/** For calls whose answer is on its way when the servers close. */
const FLUSH_MS = 1_000;

/**
 * Starts an executor and resolves when it serves; a chain that is not reached is waited for. Whatever fails, nothing is
 * left behind.
 * @param signal gives up starting; a started executor is ended by `close`
 * @throws PonosError of kind `user` with what to change, PERFORMER_UNAVAILABLE, ABORTED, and CHAIN_UNREACHABLE for a
 *   chain that goes away meanwhile
 */
export async function startExecutor(options: ExecutorOptions, signal: AbortSignal): Promise<Executor> {
  const stack = new CloseStack(options.logger);
  try {
    return await start(options, stack, signal);
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function start(options: ExecutorOptions, stack: CloseStack, signal: AbortSignal): Promise<Executor> {
  const { config, clock, logger } = options;
  const operator = config.operator.address;
  const avss = config.avsPerformers.map((performer) => performer.avsAddress);

  const signers = await loadSigningKeys(config.operator.signingKeys, { clock, logger, stack, signal });
  const ownKeys = keysOf(signers);
  throwIfAborted(signal);

  const tls = await openNodeTls(config, { clock, logger });
  stack.add('the certificates', () => tls.close());

  const lock = await acquireNodeLock({
    role: 'executor',
    identities: ownKeys.map(identityOf),
    folder: lockFolder(options.env),
    clock,
    logger,
  });
  stack.add('the lock of the signing key', () => lock.release());

  const { acceptFreshState } = options;
  const store = await openStore(config.storage, 'executor', { acceptFreshState, operator, logger });
  stack.add('the store', () => store.close());
  throwIfAborted(signal);

  const chains = await openChains(config, { clock, logger, stack }, signal);
  const head = new L1Head({
    ...chains.l1View,
    clock,
    maxAgeSeconds: config.limits.maxTaskBlockAgeDays * 24 * 60 * 60,
  });
  const { number } = await head.current();
  await reportRegistrations({ operator, avss, ownKeys, reader: chains.authority, at: number, logger });
  throwIfAborted(signal);

  const requireReleased = releaseRule(config, chains.releases);
  const opened = await openPerformers({ ...options, requireReleased, store, stack }, signal);
  const bn254 = await loadBn254();

  const answering = await openAnswers({ store, chains, head, config, clock, logger, stack });
  const { intake } = answering;
  const flow = openTaskFlow({
    ...answering,
    config,
    signers,
    ownKeys,
    bn254,
    chains,
    head,
    performers: opened.pool,
    clock,
    logger,
  });
  throwIfAborted(signal);

  const managementKey = publicKeyOf(managementSigner(signers));
  const guard = createManagementGuard({
    authentication: config.authentication,
    operator,
    verify: (digest, signature) => verifiesWith(managementKey, digest, signature, bn254),
    foreignOperator: 'REQUEST_DENIED',
    clock,
  });
  const { control, output, records } = opened;
  const deployments = openDeployments(control, logger);
  const servers = await startExecutorServers({
    config,
    management: createExecutorManagement({
      guard,
      control,
      deployments,
      storedPerformers: records.performers,
      logger,
    }),
    performers: createPerformerService({
      guard,
      deployments,
      output,
      storedDeployments: records.deployments,
    }),
    submit: (request, peer, callerSignal) => flow.submit(request, peer, callerSignal),
    storageService: options.storageService?.(store),
    tls: tls.server,
    clock,
    logger,
  });
  stack.add('the gRPC servers', () => servers.close(FLUSH_MS));
  stack.add('the deployments under way', () => deployments.close());
  stack.add('the tasks under way', () => drain(flow, intake, options));
  intake.watch((serving) => servers.setServing(serving));
  intake.open();

  const { grpcPort, managementPort } = servers;
  logger.info('executor is serving', { operator, port: grpcPort, managementPort, avss });
  return { grpcPort, managementPort, reloadTls: () => tls.reload(), close: () => stack.close() };
}

/** Lets what runs finish within the grace time, and ends the rest. */
async function drain(
  flow: TaskFlow,
  intake: Intake,
  { config, clock, logger }: ExecutorOptions,
): Promise<void> {
  intake.drain();
  if (flow.inFlight > 0) {
    const { graceSeconds } = config.shutdown;
    logger.info('finishing the tasks under way', { tasks: flow.inFlight, graceSeconds });
    const finished = new AbortController();
    const graceIsOver = clock.sleep(graceSeconds * 1_000, finished.signal).catch(() => undefined);
    await Promise.race([flow.idle(), graceIsOver]);
    finished.abort();
    if (flow.inFlight > 0)
      logger.warn('the grace time is over; tasks are given up', { tasks: flow.inFlight });
  }
  await flow.close();
}

function keysOf({ bls, ecdsa }: SigningKeys): RegisteredKey[] {
  return [bls, ecdsa].flatMap((signer) => (signer === undefined ? [] : [publicKeyOf(signer)]));
}

function identityOf(key: RegisteredKey): string {
  return key.curve === 'ecdsa' ? key.address : toHex(encodeG1(key.publicKey.g1));
}
