/** Whether an AVS has released an image: its digest must be in the latest release. */
import type { Address, OperatorSet } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { readAvsSetup } from './avs-config.js';
import type { Caller } from './contract.js';
import { createAllocationManager } from './contracts/allocation-manager.js';
import { createReleaseManager, type Release } from './contracts/release-manager.js';

/** What an AVS has published for one of its operator sets; undefined for nothing. */
export interface SetRelease {
  readonly operatorSetId: number;
  readonly latest: Release | undefined;
}

/**
 * Why an image is not released, in one sentence; undefined when it is. Pure. An image serves all operator sets of its
 * AVS, so that it must be in the latest release of each that has one. Where it is pulled from does not matter: the
 * digest is the content.
 */
export function whyNotReleased(digest: string | undefined, sets: readonly SetRelease[]): string | undefined {
  const published = sets.flatMap(({ operatorSetId, latest }) =>
    latest === undefined ? [] : [{ operatorSetId, latest }],
  );
  if (published.length === 0) {
    const ids = sets.map(({ operatorSetId }) => operatorSetId).join(', ');
    return `the AVS has published no release for its operator sets (${ids === '' ? 'none' : ids})`;
  }
  if (digest === undefined) return 'the image is named by a tag, and a release names digests';
  const lacking = published.find(({ latest }) =>
    latest.artifacts.every((artifact) => artifact.digest !== digest),
  );
  return lacking === undefined
    ? undefined
    : `the digest is not in release ${lacking.latest.id}, the latest of operator set ${lacking.operatorSetId}`;
}

export interface ReleasedImagesOptions {
  readonly l1: Caller;
  readonly allocationManager: Address;
  readonly releaseManager: Address;
  /** Of an AVS's executor operator sets, those that this operator is in count; if it is in none, all of them. */
  readonly operator: Address;
}

export interface ImageToRelease {
  readonly avs: Address;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/**
 * Lets an image pass that its AVS has released, as L1's head has it.
 * @throws PonosError RELEASE_REFUSED, AVS_UNKNOWN, and the client's: what cannot be checked does not pass
 */
export async function requireReleased(image: ImageToRelease, options: ReleasedImagesOptions): Promise<void> {
  const { avs, repository, tag, digest } = image;
  const sets = await readSetReleases(avs, options);
  const reason = whyNotReleased(digest, sets);
  if (reason === undefined) return;
  throw new PonosError('RELEASE_REFUSED', {
    message: `releases.require is latest: ${reason}`,
    facts: { avs, repository, tag, digest },
    advice: 'Look at `ponos release list`, and name the image by a digest of the latest release.',
  });
}

async function readSetReleases(avs: Address, options: ReleasedImagesOptions): Promise<SetRelease[]> {
  const { l1, allocationManager, releaseManager, operator } = options;
  const { executorOperatorSetIds } = await readAvsSetup({ l1, allocationManager, avs, at: 'latest' });
  const members = createAllocationManager(l1, allocationManager);
  const manager = createReleaseManager(l1, releaseManager);
  const sets = executorOperatorSetIds.map((id): OperatorSet => ({ avs, id }));
  const own = await Promise.all(
    sets.map((operatorSet) => members.isMemberOfOperatorSet(operator, operatorSet, 'latest')),
  );
  const counted = own.includes(true) ? sets.filter((_, index) => own[index]) : sets;
  return Promise.all(
    counted.map(async (operatorSet) => ({
      operatorSetId: operatorSet.id,
      latest: await manager.latest(operatorSet, 'latest'),
    })),
  );
}
