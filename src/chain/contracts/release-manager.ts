/** ReleaseManager (L1): the software that an AVS has published for its operator sets. */
import type { Address, OperatorSet } from '../../base/brands.js';
import type { BlockTag } from '../client.js';
import {
  BoundContract,
  type Caller,
  ContractAbi,
  OPERATOR_SET,
  operatorSetArgument,
  parseList,
  parseSmall,
} from '../contract.js';

const RELEASE = '((bytes32 digest, string registry)[] artifacts, uint32 upgradeByTime)';

export const RELEASE_MANAGER_ABI = new ContractAbi('ReleaseManager', [
  `function getTotalReleases(${OPERATOR_SET} operatorSet) view returns (uint256)`,
  `function getRelease(${OPERATOR_SET} operatorSet, uint256 releaseId) view returns (${RELEASE} release)`,
]);

export interface Artifact {
  /** `sha256:` and 64 hex digits, as container engines write it. */
  readonly digest: string;
  /** Where the AVS says it is; any text. */
  readonly registry: string;
}

export interface Release {
  /** From 0, in the order of publication. */
  readonly id: number;
  readonly artifacts: readonly Artifact[];
  /** Until then, by L1's time in seconds, the release before it may still be used. */
  readonly upgradeByTimeSeconds: number;
}

export type ReleaseManager = ReturnType<typeof createReleaseManager>;

export function createReleaseManager(caller: Caller, address: Address) {
  const contract = new BoundContract(caller, RELEASE_MANAGER_ABI, address);

  const total = (operatorSet: OperatorSet, at: BlockTag): Promise<number> =>
    contract.read('getTotalReleases', [operatorSetArgument(operatorSet)], at, ([count]) => parseSmall(count));

  const release = (operatorSet: OperatorSet, id: number, at: BlockTag): Promise<Release> =>
    contract.read('getRelease', [operatorSetArgument(operatorSet), id], at, ([tuple]) => ({
      id,
      artifacts: parseList(tuple[0], parseArtifact),
      upgradeByTimeSeconds: parseSmall(tuple[1]),
    }));

  return {
    address,
    /** Oldest first. */
    async releases(operatorSet: OperatorSet, at: BlockTag): Promise<Release[]> {
      const count = await total(operatorSet, at);
      return Promise.all(Array.from({ length: count }, (_, id) => release(operatorSet, id, at)));
    },
    /** Undefined when nothing was published. */
    async latest(operatorSet: OperatorSet, at: BlockTag): Promise<Release | undefined> {
      const count = await total(operatorSet, at);
      return count === 0 ? undefined : release(operatorSet, count - 1, at);
    },
  };
}

function parseArtifact(value: unknown): Artifact {
  const [digest, registry] = value as [unknown, unknown];
  return { digest: `sha256:${String(digest).slice(2)}`, registry: String(registry) };
}
