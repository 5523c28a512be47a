/** Why no result of a task can win any more: a sentence for the log and the store, short however large the table is. */
import type { Address } from '../base/brands.js';
import type { NonePolicy, ResponseGroup } from '../protocol/tally.js';
import type { TaskPlan } from './task-plan.js';

/** Of each kind; what is left out is counted. */
const MOST_OPERATORS = 3;
const MOST_REASONS = 10;

/**
 * @param groups the answers that came, by what they say
 * @param silent operators that give no answer that counts, each with the reason
 */
export function whyHopeless(
  { consensus, operators }: Pick<TaskPlan, 'consensus' | 'operators'>,
  nonePolicy: NonePolicy,
  groups: readonly ResponseGroup[],
  silent: ReadonlyMap<Address, string>,
): string {
  const outputs = groups.map(({ messageHash, operatorIndexes }) => {
    const signers = operatorIndexes.flatMap((index) => operators[index]?.operator ?? []);
    return `${messageHash.slice(0, 10)} by ${some(signers, MOST_OPERATORS)}`;
  });
  const details = [
    ...(outputs.length > 1 ? [`different outputs: ${some(outputs, MOST_REASONS)}`] : []),
    ...(silent.size > 0 ? [reasonsOf(silent)] : []),
  ];
  return `${verdict(consensus.kind === 'threshold' ? 'threshold' : nonePolicy)} (${details.join('; ')})`;
}

function verdict(rule: NonePolicy | 'threshold'): string {
  if (rule === 'threshold') return 'the threshold cannot be met any more';
  return rule === 'majority' ? 'no result has a majority of the weight' : 'nobody has given a result';
}

/** Each reason once, with whom it is of; the most frequent first. */
export function reasonsOf(silent: ReadonlyMap<Address, string>): string {
  const byReason = new Map<string, Address[]>();
  for (const [operator, reason] of silent) byReason.set(reason, [...(byReason.get(reason) ?? []), operator]);
  const reasons = [...byReason]
    .sort(([, one], [, other]) => other.length - one.length)
    .map(([reason, operators]) => `${some(operators, MOST_OPERATORS)}: ${reason}`);
  return some(reasons, MOST_REASONS, '; ');
}

function some(names: readonly string[], most: number, separator = ', '): string {
  const left = names.length - most;
  return names.slice(0, most).join(separator) + (left > 0 ? ` and ${left} more` : '');
}
