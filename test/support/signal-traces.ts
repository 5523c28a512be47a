/** What a signal holds on to: a leak, when the signal lasts and what it was for does not. */
import { getEventListeners } from 'node:events';

/** Listeners, and what Node.js keeps for each `AbortSignal.any` that was made of the signal. */
export function tracesIn(signal: AbortSignal): number {
  const dependants = Object.getOwnPropertySymbols(signal)
    .filter(({ description }) => description === 'kDependantSignals')
    .map((symbol) => Reflect.get(signal, symbol) as ReadonlySet<unknown> | undefined);
  return getEventListeners(signal, 'abort').length + (dependants[0]?.size ?? 0);
}
