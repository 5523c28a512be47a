/** `ponos storage performers`: the performers that an executor keeps, and what became of each deployment. */

import { printable } from '../../base/printable.js';
import {
  createPerformerOrderStore,
  type EnvSourceRecord,
  type PerformerOrder,
  type WantedPerformerRecord,
} from '../../store/executor-performer-orders.js';
import type {
  DeploymentRecord,
  PerformerImageRecord,
  PerformerRecord,
} from '../../store/executor-performer-records.js';
import { createPerformerStore } from '../../store/executor-performers.js';
import { formatTime } from '../format.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { requireRole, warnOfDamage, withStoppedStore } from './stopped-store.js';

export interface ShowPerformersFlags extends StoreFlags {
  readonly json?: boolean;
}

/** Of each AVS the newest deployment first. @throws PonosError of the store */
export async function showPerformers(flags: ShowPerformersFlags, terminal: Terminal): Promise<void> {
  const target = await selectDirectory(flags, terminal.env);
  const { performers, deployments, orders } = await withStoppedStore(target, async (opened) => {
    const { store, content } = opened;
    requireRole(content.role, 'executor');
    await warnOfDamage(opened, terminal.stderr);
    const kept = createPerformerStore(store);
    return {
      performers: await kept.performers(),
      deployments: await kept.deployments(),
      orders: await createPerformerOrderStore(store).all(),
    };
  });
  deployments.sort((a, b) => (a.avs === b.avs ? b.number - a.number : a.avs < b.avs ? -1 : 1));
  if (flags.json) return terminal.print(JSON.stringify({ performers, deployments, orders }));
  terminal.print(
    performers.length === 0 ? 'no performers: none ran when the node stopped' : tableOf(performers),
  );
  terminal.print('');
  terminal.print(deployments.length === 0 ? 'no deployments' : historyOf(deployments));
  if (orders.length > 0) terminal.print(`\nsaid while the node ran\n${ordersOf(orders)}`);
}

/** What the next start goes by, unless the configuration was changed since. */
function ordersOf(orders: readonly PerformerOrder[]): string {
  const heading = ['avs', 'at', 'runs', 'variables'];
  const rows = orders.map(({ avs, atMs, wanted }) => [
    avs,
    formatTime(atMs),
    printable(wanted === undefined ? 'nothing: it was removed' : imageOf(wanted)),
    printable((wanted?.envs ?? []).map(sourceOf).join(', ')),
  ]);
  return renderTable([heading, ...rows]);
}

function imageOf({ image }: WantedPerformerRecord): string {
  return image === undefined ? 'as configured' : referenceOf(image);
}

function sourceOf({ name, valueFromEnv, kubernetesEnv }: EnvSourceRecord): string {
  if (valueFromEnv !== undefined) return `${name} from ${valueFromEnv}`;
  return kubernetesEnv === undefined ? `${name} (value not kept)` : name;
}

function tableOf(performers: readonly PerformerRecord[]): string {
  const heading = ['avs', 'performer', 'status', 'healthy', 'checked', 'started', 'endpoint'];
  const rows = performers.map(({ avs, id, status, isHealthy, checkedAtMs, startedAtMs, endpoint }) => [
    avs,
    id,
    status,
    isHealthy ? 'yes' : 'no',
    formatTime(checkedAtMs),
    formatTime(startedAtMs),
    endpoint,
  ]);
  return renderTable([heading, ...rows]);
}

function historyOf(deployments: readonly DeploymentRecord[]): string {
  const heading = ['avs', 'no', 'program', 'asked', 'in service', 'ended', 'outcome', 'reason'];
  const rows = deployments.map((deployment) => [
    deployment.avs,
    String(deployment.number),
    printable(programOf(deployment)),
    formatTime(deployment.askedAtMs),
    formatTime(deployment.servingFromMs),
    endOf(deployment),
    deployment.outcome,
    printable(reasonOf(deployment)),
  ]);
  return renderTable([heading, ...rows]);
}

function programOf({ image, command }: DeploymentRecord): string {
  return [...(image ? [referenceOf(image)] : []), ...command].join(' ');
}

function referenceOf({ repository, tag, digest }: PerformerImageRecord): string {
  return digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
}

/** Nobody saw the end of an interrupted one. */
function endOf({ endedAtMs, outcome, lastHealthyMs, servingFromMs, askedAtMs }: DeploymentRecord): string {
  if (outcome !== 'interrupted') return formatTime(endedAtMs);
  return `after ${formatTime(lastHealthyMs ?? servingFromMs ?? askedAtMs)}`;
}

function reasonOf({ outcome, reason = '', lastLines, adoptedAtMs }: DeploymentRecord): string {
  if (adoptedAtMs !== undefined && outcome === 'in-service') return `adopted ${formatTime(adoptedAtMs)}`;
  const lastLine = lastLines?.at(-1);
  // The words of one that ended as it was told to are of no interest.
  return outcome !== 'failed' || lastLine === undefined ? reason : `${reason}; it said last: ${lastLine}`;
}
