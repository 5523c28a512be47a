/** `grpc.health.v1` of a server that ends its watches when it closes. */
import { setMaxListeners } from 'node:events';
import { HealthDefinition, HealthServiceImpl, type HealthState } from 'nice-grpc-server-health';
import { abortWith } from '../base/clock.js';

/** @param closing aborts when the server closes: a watch lasts as long as its caller likes, and must not hold that up */
export function healthService(health: HealthState, closing: AbortSignal) {
  const implementation = HealthServiceImpl(health);
  // Every watch listens to it; Node would call ten of them a leak.
  setMaxListeners(0, closing);
  async function* watch(...[request, context]: Parameters<typeof implementation.watch>) {
    const ended = new AbortController();
    const unlink = abortWith(ended, closing);
    ended.signal.addEventListener('abort', unlink, { once: true });
    abortWith(ended, context.signal);
    try {
      yield* implementation.watch(request, { ...context, signal: ended.signal });
    } finally {
      unlink();
    }
  }
  return { definition: HealthDefinition, implementation: { check: implementation.check, watch } };
}
