/** The kinds of storage that are measured against each other, as configurations. */
import type { StorageConfig } from '../../src/config/types.js';

export const STORAGE_KINDS = ['memory', 'unsynced', 'synced'] as const;
export type StorageKind = (typeof STORAGE_KINDS)[number];

export function storageOf(kind: StorageKind, dir: string): StorageConfig {
  return {
    type: kind === 'memory' ? 'memory' : 'level',
    level: { dir, syncWrites: kind === 'synced' },
    badger: { inMemory: false },
  };
}
