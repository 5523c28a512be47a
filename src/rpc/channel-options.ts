/** How this program dials: what every client channel has in common. */
import type { ChannelOptions } from '@grpc/grpc-js';

/** Largest message of any of our ports; both sides of a call must allow it. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** @param maxReceiveBytes a longer reply is cut off when its length is announced, before it is buffered */
export function clientChannelOptions(maxReceiveBytes: number, maxSendBytes: number): ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': maxSendBytes,
    // Peers are dialled directly, whatever proxy the environment names, and their DNS has no say
    // in how we call them.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // No keepalive pings: Go servers disconnect clients that ping more often than every 5 minutes.
    'grpc.keepalive_permit_without_calls': 0,
    // A call after a failed one dials again soon; a dead host costs its own calls only.
    'grpc.initial_reconnect_backoff_ms': 250,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.min_reconnect_backoff_ms': 5_000,
  };
}
