/** Which result wins: responses grouped by what they say, weighed by who says it. */
import type { Hash32 } from '../base/brands.js';
import type { Consensus } from './consensus.js';
import { meetsThreshold } from './threshold.js';

/** A response whose signatures have been verified. */
export interface TallyResponse {
  /** The operator's index among the leaves of the table. */
  readonly operatorIndex: number;
  readonly messageHash: Hash32;
  /** See `votingWeight`. */
  readonly weight: bigint;
}

/** Responses that say the same. */
export interface ResponseGroup {
  readonly messageHash: Hash32;
  /** In ascending order. */
  readonly operatorIndexes: readonly number[];
  readonly weight: bigint;
}

/**
 * When to submit under consensus NONE, where the chain sets no threshold. `all`: the heaviest group
 * once everybody has answered or collecting must end; `majority`: the group with over half of the
 * weight, as soon as there is one, and nothing otherwise; `first`: the result that came first.
 */
export type NonePolicy = 'all' | 'majority' | 'first';

export interface TallyInput {
  /** In the order of their arrival. Of several responses of one operator the first counts. */
  readonly responses: readonly TallyResponse[];
  readonly consensus: Consensus;
  readonly nonePolicy: NonePolicy;
  /** Voting weight and number of **all** operators of the table, silent ones included. */
  readonly totalWeight: bigint;
  readonly operatorCount: number;
  /** True in the last fifth of the task's time, when waiting for more would risk the deadline. */
  readonly collectingEnds: boolean;
}

export interface Tally {
  /** The group to certify; undefined while (or if) no group may be submitted. */
  readonly winner: ResponseGroup | undefined;
  /** Heaviest first; equal weights by the lower message hash. */
  readonly groups: readonly ResponseGroup[];
}

/** Groups the responses and decides by the task's consensus. */
export function tally(input: TallyInput): Tally {
  const responses = firstPerOperator(input.responses);
  const groups = groupByMessageHash(responses);
  return { winner: selectWinner(input, responses, groups), groups };
}

function firstPerOperator(responses: readonly TallyResponse[]): TallyResponse[] {
  const counted = new Set<number>();
  return responses.filter(({ operatorIndex }) => {
    if (counted.has(operatorIndex)) return false;
    counted.add(operatorIndex);
    return true;
  });
}

function groupByMessageHash(responses: readonly TallyResponse[]): ResponseGroup[] {
  const byHash = new Map<Hash32, TallyResponse[]>();
  for (const response of responses) {
    const group = byHash.get(response.messageHash);
    if (group) group.push(response);
    else byHash.set(response.messageHash, [response]);
  }
  return [...byHash]
    .map(([messageHash, members]) => ({
      messageHash,
      operatorIndexes: members.map((member) => member.operatorIndex).sort((a, b) => a - b),
      weight: members.reduce((sum, member) => sum + member.weight, 0n),
    }))
    .sort(heavierFirst);
}

function heavierFirst(a: ResponseGroup, b: ResponseGroup): number {
  if (a.weight !== b.weight) return a.weight > b.weight ? -1 : 1;
  return a.messageHash < b.messageHash ? -1 : 1;
}

function selectWinner(
  input: TallyInput,
  responses: readonly TallyResponse[],
  groups: readonly ResponseGroup[],
): ResponseGroup | undefined {
  const heaviest = groups[0];
  if (heaviest === undefined) return undefined;
  const { consensus, totalWeight } = input;
  if (consensus.kind === 'threshold') {
    return meetsThreshold(heaviest.weight, totalWeight, consensus.bips) ? heaviest : undefined;
  }
  switch (input.nonePolicy) {
    case 'first':
      return groups.find((group) => group.messageHash === responses[0]?.messageHash);
    case 'majority':
      return heaviest.weight * 2n > totalWeight ? heaviest : undefined;
    case 'all':
      return input.collectingEnds || responses.length >= input.operatorCount ? heaviest : undefined;
  }
}
