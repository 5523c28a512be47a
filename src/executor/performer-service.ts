/** `ponos.v1.PerformerService`: deployments told while they happen, what performers print, what became of them. */
import type { CallContext } from 'nice-grpc';
import { PonosError } from '../base/error.js';
import { WaitingItems } from '../base/waiting-items.js';
import type { OutputLine, OutputLog } from '../performer/output-log.js';
import type { DeployProgress } from '../performer/runtime.js';
import type { ManagementGuard } from '../rpc/auth/management-guard.js';
import {
  type PerformerServiceImplementation,
  PerformerServiceDefinition as service,
} from '../rpc/generated/ponos/v1/performers.js';
import { optionalAddress } from '../rpc/request-fields.js';
import type { DeploymentRecord } from '../store/executor-performer-records.js';
import { parseDeployRequest } from './deploy-request.js';
import type { Deployments } from './deployments.js';
import { deployResponse } from './management.js';
import { deploymentMessage, logLineMessage, progressMessage } from './performer-messages.js';

export interface PerformerServiceOptions {
  /** Says who may call. */
  readonly guard: Pick<ManagementGuard, 'admit'>;
  readonly deployments: Pick<Deployments, 'start'>;
  readonly output: Pick<OutputLog, 'recent' | 'follow'>;
  /** What the store has. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
  readonly storedDeployments: () => Promise<readonly DeploymentRecord[]>;
}

/** For a caller that reads more slowly than a performer prints, or an engine pulls. */
const MAX_WAITING = 1_000;

export function createPerformerService(options: PerformerServiceOptions): PerformerServiceImplementation {
  const { guard, deployments, output, storedDeployments } = options;
  const { watchDeploy, logs, history } = service.methods;

  /** One that is gone may be asked for too. */
  async function requireKnown(performer: string | undefined): Promise<void> {
    if (performer === undefined || output.recent({ performer }, 1).length > 0) return;
    if ((await storedDeployments()).some(({ performerId }) => performerId === performer)) return;
    throw new PonosError('PERFORMER_MISSING', {
      message: 'this node knows no performer of this id',
      facts: { performer },
    });
  }

  return {
    async *watchDeploy(request, { peer, signal }: CallContext) {
      guard.admit({ service, method: watchDeploy, request }, peer);
      const progress = new WaitingItems<DeployProgress>(MAX_WAITING);
      const run = deployments.start(parseDeployRequest(request), progress.push);
      run.then(
        () => progress.close(),
        () => progress.close(),
      );
      for await (const { items } of progress.take(signal)) yield* items.map(progressMessage);
      yield { response: deployResponse(await run) };
    },
    async *logs(request, { peer, signal }: CallContext) {
      guard.admit({ service, method: logs, request }, peer);
      const selection = {
        avs: optionalAddress('avs_address', request.avsAddress),
        performer: request.performerId === '' ? undefined : request.performerId,
      };
      await requireKnown(selection.performer);
      const lines = new WaitingItems<OutputLine>(MAX_WAITING);
      // Both in one step: what is printed in between would be told twice, or never.
      const recent = output.recent(selection, request.tail);
      const stop = request.follow ? output.follow(selection, lines.push) : () => lines.close();
      try {
        // At once, so that a caller knows that it is being answered although nothing is printed.
        if (request.follow) yield {};
        yield* recent.map(logLineMessage);
        if (!request.follow) return;
        for await (const { items, leftOut } of lines.take(signal)) {
          if (leftOut > 0)
            yield { line: `(${leftOut} lines left out: they came faster than they were read)` };
          yield* items.map(logLineMessage);
        }
      } finally {
        stop();
      }
    },
    async history(request, { peer }: CallContext) {
      guard.admit({ service, method: history, request }, peer);
      const avs = optionalAddress('avs_address', request.avsAddress);
      const found = (await storedDeployments()).filter((record) => (avs ?? record.avs) === record.avs);
      found.sort((a, b) => b.askedAtMs - a.askedAtMs || b.number - a.number);
      return { deployments: found.map(deploymentMessage) };
    },
  };
}
