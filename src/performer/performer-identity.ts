/** What performers are called in an engine or a cluster, and how an executor knows its own there. Pure. */
import { createHash } from 'node:crypto';
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { PerformerImage, PerformerSpec } from './runtime.js';

/** Labels that say whose a container, network or object is. Values of variables are in none of them. */
export const LABELS = {
  role: 'ponos.role',
  operator: 'ponos.operator',
  l1Chain: 'ponos.l1-chain',
  avs: 'ponos.avs',
} as const;

/** Whose performers are: an operator may have one executor on an engine, or in a cluster, for each L1 chain. */
export interface PerformerOwner {
  readonly operator: Address;
  readonly l1ChainId: number;
}

/** `avs-performer-<first 6 hex digits of sha256(address)>-<unique>`: the prefix that public tools look for. */
export function performerName(avs: Address, unique: string): string {
  const hash = createHash('sha256').update(avs, 'utf8').digest('hex');
  return `avs-performer-${hash.slice(0, 6)}-${unique}`;
}

/** @throws PonosError CONFIG_INVALID for a performer without an image, as only processes are */
export function imageOf({ avs, image }: PerformerSpec): PerformerImage {
  if (image !== undefined) return image;
  throw new PonosError('CONFIG_INVALID', {
    message: 'a performer needs an image in deployment modes docker and kubernetes',
    facts: { avs },
    advice: 'Set avsPerformers[].image.repository and tag.',
  });
}

/** `repository@digest`, or `repository:tag` (default `latest`). */
export function imageReference({ repository, tag, digest }: PerformerImage): string {
  return digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
}

export function ownerLabels({ operator, l1ChainId }: PerformerOwner): Readonly<Record<string, string>> {
  return {
    [LABELS.role]: 'performer',
    [LABELS.operator]: operator,
    [LABELS.l1Chain]: String(l1ChainId),
  };
}

/** @param labels of a container or object */
export function isOwnedBy(owner: PerformerOwner, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(ownerLabels(owner)).every(([key, value]) => labels[key] === value);
}
