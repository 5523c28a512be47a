/** `ponos release list`: what an AVS has published for an operator set. */

import { printable } from '../../base/printable.js';
import type { Release } from '../../chain/contracts/release-manager.js';
import { renderTable } from '../table.js';
import { openReleases, type ReleaseFlags } from './open-releases.js';

export interface ListReleasesFlags extends ReleaseFlags {
  readonly json?: boolean;
  readonly write: (line: string) => void;
}

/** @throws PonosError as `openReleases`, and the client's */
export async function listReleases(flags: ListReleasesFlags): Promise<void> {
  const { client, manager, avs } = await openReleases(flags);
  const { operatorSet: operatorSetId, json, write } = flags;
  try {
    const releases = await manager.releases({ avs, id: operatorSetId }, 'latest');
    if (json) write(JSON.stringify({ avs, operatorSetId, releases }));
    else if (releases.length === 0) {
      write(`AVS ${avs} has published no release for operator set ${operatorSetId}.`);
    } else {
      write(renderTable([['release', 'digest', 'registry', 'upgrade by'], ...releases.flatMap(rowsOf)]));
    }
  } finally {
    await client.close();
  }
}

function rowsOf({ id, artifacts, upgradeByTimeSeconds }: Release): string[][] {
  const by = new Date(upgradeByTimeSeconds * 1_000).toISOString();
  if (artifacts.length === 0) return [[String(id), '-', '-', by]];
  return artifacts.map(({ digest, registry }) => [String(id), digest, printable(registry), by]);
}
