/** What a backup says of itself. */
import type { Clock } from '../../base/clock.js';
import { VERSION } from '../version.js';
import type { ArchiveHeader } from './archive.js';
import type { StoreContent } from './store-content.js';

export function backupHeader(
  { role, schemaVersion }: Pick<StoreContent, 'role' | 'schemaVersion'>,
  clock: Clock,
): ArchiveHeader {
  return { role, schemaVersion, createdAtMs: clock.nowMs(), writtenBy: VERSION };
}
