/** An image as people write it. */

export interface Artifact {
  readonly artifactRegistry: string;
  readonly artifactTag: string;
  readonly artifactDigest: string;
}

/** `repository:tag@sha256:…`, without what is not known; a dash for a process. */
export function artifactText({ artifactRegistry, artifactTag, artifactDigest }: Artifact): string {
  if (artifactRegistry === '') return '-';
  const tag = artifactTag === '' ? '' : `:${artifactTag}`;
  return `${artifactRegistry}${tag}${artifactDigest === '' ? '' : `@${artifactDigest}`}`;
}
