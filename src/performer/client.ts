/** The gRPC side of one performer: is it serving, and do this task. */
import { ClientError, createChannel, createClient, Status } from 'nice-grpc';
import type { TaskId } from '../base/brands.js';
import { abortError, abortWith, type Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { clientChannelOptions, MAX_MESSAGE_BYTES } from '../rpc/channel-options.js';
import { PerformerServiceDefinition } from '../rpc/generated/eigenlayer/hourglass/v1/performer/performer.js';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../rpc/generated/grpc/health/v1/health.js';

/** Room in a reply beside the output: the echoed task id and the encoding. */
const REPLY_SLACK_BYTES = 64 * 1024;
const HEALTH_CHECK_TIMEOUT_MS = 1_000;
const POLL_MS = 100;

export interface PerformerClientOptions {
  /** `host:port` */
  readonly endpoint: string;
  /** Longer outputs are cut off and fail the task. */
  readonly maxOutputBytes: number;
  readonly clock: Clock;
  /** Blots secrets out of what the performer says of a failure: that goes to logs, and to aggregators. */
  readonly hideSecrets?: (text: string) => string;
}

export interface PerformerClient {
  /** Whether it says SERVING now; a performer without the health service counts as serving. */
  isServing(signal?: AbortSignal): Promise<boolean>;
  /**
   * Resolves when it serves.
   * @throws PonosError PERFORMER_UNAVAILABLE after `timeoutMs`, ABORTED with the signal
   */
  waitUntilServing(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Does one task. The signal carries the deadline: abort it with a PonosError as its reason to have
   * that thrown.
   * @throws PonosError PERFORMER_FAILED with the performer's own message, or for an output over the
   *   limit; PERFORMER_UNAVAILABLE when it went away; the signal's reason or ABORTED
   */
  execute(taskId: TaskId, payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

export function createPerformerClient(options: PerformerClientOptions): PerformerClient {
  const { endpoint, maxOutputBytes, clock, hideSecrets = (text: string) => text } = options;
  const channel = createChannel(`dns:${endpoint}`, undefined, {
    ...clientChannelOptions(maxOutputBytes + REPLY_SLACK_BYTES, MAX_MESSAGE_BYTES),
    'grpc.use_local_subchannel_pool': 1,
    // A performer that just started is dialled until it listens; it is on this machine.
    'grpc.max_reconnect_backoff_ms': 250,
  });
  const performer = createClient(PerformerServiceDefinition, channel);
  const health = createClient(HealthDefinition, channel);

  async function isServing(signal?: AbortSignal): Promise<boolean> {
    const until = new AbortController();
    const timer = setTimeout(() => until.abort(), HEALTH_CHECK_TIMEOUT_MS);
    const unlink = signal && abortWith(until, signal);
    try {
      const { status } = await health.check({}, { signal: until.signal });
      return status === HealthCheckResponse_ServingStatus.SERVING;
    } catch (error) {
      return error instanceof ClientError && error.code === Status.UNIMPLEMENTED;
    } finally {
      clearTimeout(timer);
      unlink?.();
    }
  }

  return {
    isServing,
    async waitUntilServing(timeoutMs, signal) {
      const giveUpMs = clock.monotonicMs() + timeoutMs;
      while (!(await isServing(signal))) {
        if (clock.monotonicMs() >= giveUpMs) {
          throw new PonosError('PERFORMER_UNAVAILABLE', {
            message: `the performer did not become healthy within ${timeoutMs / 1000} seconds`,
            facts: { endpoint },
          });
        }
        await clock.sleep(POLL_MS, signal);
      }
    },
    async execute(taskId, payload, signal) {
      let output: Uint8Array;
      try {
        const request = { taskId: Buffer.from(taskId, 'utf8'), payload: Buffer.from(payload) };
        const response = await performer.executeTask(request, { signal });
        output = new Uint8Array(response.result);
      } catch (error) {
        throw signal.aborted ? abortError(signal) : executionError(error, maxOutputBytes, hideSecrets);
      }
      if (output.length > maxOutputBytes) throw outputTooLarge(maxOutputBytes);
      return output;
    },
    close: () => channel.close(),
  };
}

function executionError(
  error: unknown,
  maxOutputBytes: number,
  hideSecrets: (text: string) => string,
): PonosError {
  if (!(error instanceof ClientError)) {
    return new PonosError('PERFORMER_FAILED', {
      message: 'the performer answered with nonsense',
      cause: error,
    });
  }
  // grpc-js says it when the announced length is over the channel's limit, or what is unpacked so far; it reads no further.
  if (error.code === Status.RESOURCE_EXHAUSTED && /^Received message .*larger than/.test(error.details)) {
    return outputTooLarge(maxOutputBytes, error);
  }
  const details = error.details === '' ? Status[error.code] : hideSecrets(error.details);
  // The cause would say the same once more, secrets included.
  // A call that was cancelled, and not by us, was dropped by a performer that is shutting down.
  if (error.code === Status.UNAVAILABLE || error.code === Status.CANCELLED) {
    return new PonosError('PERFORMER_UNAVAILABLE', {
      message: 'the performer does not answer',
      facts: { reason: details },
    });
  }
  return new PonosError('PERFORMER_FAILED', { message: `the performer failed: ${details}` });
}

function outputTooLarge(maxOutputBytes: number, cause?: unknown): PonosError {
  return new PonosError('PERFORMER_FAILED', {
    message: `the performer's output is larger than ${maxOutputBytes} bytes`,
    cause,
  });
}
