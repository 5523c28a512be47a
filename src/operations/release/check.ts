/** `ponos release check`: whether images are those of the latest release of an operator set. */
import { PonosError } from '../../base/error.js';
import { whyNotReleased } from '../../chain/released-images.js';
import type { PerformerConfig } from '../../config/types.js';
import { renderTable } from '../table.js';
import { openReleases, type ReleaseFlags } from './open-releases.js';

export interface CheckReleaseFlags extends ReleaseFlags {
  /** `sha256:` and 64 hex digits; beside those of the configuration. */
  readonly digest?: readonly string[];
  readonly json?: boolean;
  readonly write: (line: string) => void;
}

interface CheckedImage {
  /** Where it is named. */
  readonly source: '--digest' | 'configuration';
  readonly image: string;
  readonly digest: string | undefined;
}

/**
 * @returns whether all of them are in the latest release
 * @throws PonosError USAGE without an image, and as `openReleases`
 */
export async function checkRelease(flags: CheckReleaseFlags): Promise<boolean> {
  const named = (flags.digest ?? []).map(namedDigest);
  const { client, manager, avs, config } = await openReleases(flags);
  const { operatorSet: operatorSetId, json, write } = flags;
  try {
    const performers = (config?.avsPerformers ?? []).filter(({ avsAddress }) => avsAddress === avs);
    const images = [...named, ...performers.map(configuredImage)];
    if (images.length === 0) {
      throw new PonosError('USAGE', {
        message: 'there is no image to check',
        facts: { avs },
        advice: 'Give --digest sha256:…, or --config with a performer of the AVS.',
      });
    }
    const latest = await manager.latest({ avs, id: operatorSetId }, 'latest');
    const checked = images.map((image) => ({
      ...image,
      reason: whyNotReleased(image.digest, [{ operatorSetId, latest }]),
    }));
    const isReleased = checked.every(({ reason }) => reason === undefined);
    if (json) write(JSON.stringify({ avs, operatorSetId, latest, images: checked, isReleased }));
    else {
      const rows = checked.map(({ source, image, reason }) => [source, image, reason ?? 'released']);
      write(renderTable([['from', 'image', 'verdict'], ...rows]));
    }
    return isReleased;
  } finally {
    await client.close();
  }
}

function namedDigest(digest: string): CheckedImage {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new PonosError('USAGE', {
      message: '--digest must be sha256: and 64 hex digits',
      facts: { found: digest.slice(0, 80) },
    });
  }
  return { source: '--digest', image: digest, digest };
}

function configuredImage({ image }: PerformerConfig): CheckedImage {
  if (image === undefined) return { source: 'configuration', image: 'a process', digest: undefined };
  const { repository, tag, digest } = image;
  const version = digest === undefined ? `:${tag}` : `@${digest}`;
  return { source: 'configuration', image: `${repository}${version}`, digest };
}
