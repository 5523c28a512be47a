/** How many connections a port has, what one may hold, and when it has stayed too long. Pure. */

export interface ConnectionLimits {
  readonly maxConnections: number;
  /** Of one IPv4 address or IPv6 /64. */
  readonly maxConnectionsPerPeer: number;
  /** On all connections together. */
  readonly maxOpenCalls: number;
  /** On the connections of one IPv4 address or IPv6 /64. */
  readonly maxOpenCallsPerPeer: number;
  /** A connection that has made no call by then is closed; an honest client opens another when it has one. */
  readonly firstCallMs: number;
  /** A connection without calls is closed after this time; pings do not count. */
  readonly maxConnectionIdleMs: number;
  /** A connection is asked to leave after this time. */
  readonly maxConnectionAgeMs: number;
  /** How long its calls may go on then. */
  readonly maxConnectionAgeGraceMs: number;
  /** A request must have arrived as a whole by then. */
  readonly arrivalMs: number;
  /** Bytes of requests that are still arriving, on all connections together. */
  readonly maxArrivingBytes: number;
  /**
   * Calls of one connection that its peer takes back at one time, before they are answered: more than it may have open,
   * all of which may pass their deadline together, and fewer than the 1,000 at which nghttp2 goes deaf.
   */
  readonly maxTakenBackCalls: number;
  /** How many it may take back for as long as it likes; as nghttp2 has it. */
  readonly takenBackCallsPerSecond: number;
}

export interface ConnectionState {
  readonly openedMs: number;
  /** When its last call began or ended; undefined before the first one. */
  readonly usedMs: number | undefined;
  readonly openCalls: number;
  /** When the oldest request began that is not complete. */
  readonly arrivingSinceMs: number | undefined;
}

/** grpc-js ends idle and old connections politely; what is there this long after it has stopped listening to us. */
const POLITENESS_MS = 60_000;

/** Why a connection is to be closed now; undefined when it may stay. */
export function judge(
  state: ConnectionState,
  nowMs: number,
  limits: ConnectionLimits,
): 'mute' | 'slow' | 'idle' | 'old' | undefined {
  const { openedMs, usedMs, openCalls, arrivingSinceMs } = state;
  if (usedMs === undefined) return nowMs - openedMs >= limits.firstCallMs ? 'mute' : undefined;
  if (arrivingSinceMs !== undefined && nowMs - arrivingSinceMs >= limits.arrivalMs) return 'slow';
  if (openCalls === 0 && nowMs - usedMs >= limits.maxConnectionIdleMs + POLITENESS_MS) return 'idle';
  const oldestMs = limits.maxConnectionAgeMs * 1.1 + limits.maxConnectionAgeGraceMs + POLITENESS_MS;
  return nowMs - openedMs >= oldestMs ? 'old' : undefined;
}
