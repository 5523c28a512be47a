/** The compiled contracts that the executable carries, loaded when a command needs them. */
import type { Artifacts } from '../../devnet/deploy.js';

export async function loadArtifacts(): Promise<Artifacts> {
  return (await import('#devnet-contracts')).default;
}
