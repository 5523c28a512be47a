/**
 * Every error code of the program, its kind, and what it means: the single source of
 * `docs/errors.md` (a test keeps the two equal).
 *
 * Kinds: `user` — the operator must change something; `retryable` — the same call may succeed
 * later; `refused` — the peer's request is not acceptable; `aborted` — somebody asked to stop;
 * `bug` — a broken assumption of ours.
 */
export type ErrorKind = 'user' | 'retryable' | 'refused' | 'aborted' | 'bug';

export const ERROR_CODES = {
  VALUE_INVALID: { kind: 'user', meaning: 'A value does not have the shape it must have.' },
  USAGE: { kind: 'user', meaning: 'The command line is wrong.' },
  CONFIG_INVALID: { kind: 'user', meaning: 'The configuration file, a flag or the environment is wrong.' },
  FILE_UNREADABLE: { kind: 'user', meaning: 'A file that is needed cannot be read.' },
  FILE_UNWRITABLE: { kind: 'user', meaning: 'A file or folder cannot be written.' },
  FILE_EXISTS: { kind: 'user', meaning: 'A file that would be overwritten exists already.' },
  NOT_BUILT_YET: { kind: 'user', meaning: 'The configuration asks for something this version cannot do.' },
  KEYSTORE_INVALID: { kind: 'user', meaning: 'A keystore or key file is malformed.' },
  KEYSTORE_PASSWORD: { kind: 'user', meaning: 'The password does not open the keystore.' },
  KEYSTORE_CURVE: { kind: 'user', meaning: 'A keystore holds a key of another curve than is needed.' },
  KEY_INVALID: { kind: 'user', meaning: 'A private key is malformed or out of range.' },
  OPERATOR_KEY_MISMATCH: {
    kind: 'user',
    meaning: 'The configured signing key is not the one registered for the operator.',
  },
  SIGNER_UNAVAILABLE: {
    kind: 'retryable',
    meaning: 'A remote signer does not answer, or not in time, or with nonsense.',
  },
  SIGNER_UNTRUSTED: {
    kind: 'retryable',
    meaning: "A remote signer and this node do not accept each other's certificates.",
  },
  SIGNER_REFUSED: {
    kind: 'retryable',
    meaning: 'A remote signer does not let this node in, or does not have the key.',
  },
  SIGNER_MISMATCH: {
    kind: 'user',
    meaning: 'A remote signer signed with another key, or something else than it was asked to.',
  },
  POINT_INVALID: {
    kind: 'refused',
    meaning:
      'Bytes are no valid point of the curve: wrong length, off the curve, outside the subgroup, or infinity.',
  },
  SIGNATURE_INVALID: { kind: 'refused', meaning: 'A signature is malformed or does not verify.' },
  CHAIN_UNREACHABLE: { kind: 'retryable', meaning: 'A JSON-RPC endpoint does not answer.' },
  CHAIN_RATE_LIMITED: { kind: 'retryable', meaning: 'A JSON-RPC endpoint limits how much it is asked.' },
  CHAIN_RPC: { kind: 'retryable', meaning: 'A JSON-RPC endpoint answered with an error or with nonsense.' },
  CHAIN_MISMATCH: { kind: 'user', meaning: 'A JSON-RPC endpoint serves another chain than configured.' },
  CHAIN_NO_HISTORY: { kind: 'user', meaning: 'A JSON-RPC endpoint cannot read the state of past blocks.' },
  CHAIN_REORG_TOO_DEEP: { kind: 'user', meaning: 'A chain was reorganised deeper than maxReorgDepth.' },
  CONTRACT_MISSING: { kind: 'user', meaning: 'There is no contract at an address that must hold one.' },
  CONTRACT_REVERTED: {
    kind: 'refused',
    meaning: 'A contract call reverted; the facts carry its error by name.',
  },
  TRANSACTION_REJECTED: { kind: 'retryable', meaning: 'A JSON-RPC endpoint did not accept a transaction.' },
  FUNDS_INSUFFICIENT: { kind: 'retryable', meaning: 'The account that pays for transactions is dry.' },
  TRANSACTION_FAILED: { kind: 'refused', meaning: 'A transaction was mined and reverted.' },
  TRANSACTION_STUCK: { kind: 'retryable', meaning: 'A transaction was not mined in time.' },
  KEY_IN_USE: { kind: 'user', meaning: 'Another node on this machine uses the same signing key.' },
  STORE_LOCKED: { kind: 'user', meaning: 'Another process uses the storage directory.' },
  STORE_UNAVAILABLE: { kind: 'retryable', meaning: 'The store cannot be read or written now.' },
  STORE_MISMATCH: {
    kind: 'user',
    meaning: 'The store is of a newer version, of another role or operator, or of the Go node.',
  },
  STORE_CORRUPT: { kind: 'user', meaning: 'Stored records are damaged or lost, or the database is.' },
  STORE_MISSING: { kind: 'user', meaning: 'A directory holds no store of ponos.' },
  ARCHIVE_INVALID: {
    kind: 'user',
    meaning: 'A backup or an export is damaged, cut off, or none at all.',
  },
  PORT_IN_USE: { kind: 'user', meaning: 'A port to listen on is taken.' },
  PEER_REFUSED: { kind: 'refused', meaning: 'Another node has an address that this node does not dial.' },
  PEER_UNREACHABLE: { kind: 'retryable', meaning: 'Another node does not answer.' },
  NODE_REFUSED: { kind: 'refused', meaning: 'A running node has refused a command; the message is its own.' },
  REQUEST_INVALID: { kind: 'refused', meaning: 'A request has a malformed field.' },
  REQUEST_DENIED: { kind: 'refused', meaning: 'The caller may not ask this.' },
  REQUEST_CONFLICT: { kind: 'refused', meaning: 'The request contradicts one that was accepted before.' },
  REQUEST_LIMIT: {
    kind: 'retryable',
    meaning: 'A limit of this node is reached; the same request may pass later.',
  },
  CREDENTIALS_REFUSED: {
    kind: 'refused',
    meaning: 'A management call without a good token and signature, while authentication is on.',
  },
  AUTHENTICATION_OFF: {
    kind: 'refused',
    meaning: 'A caller sent credentials, or asked for a token, while authentication is off.',
  },
  AVS_UNKNOWN: { kind: 'user', meaning: 'The AVS is not known to the chain or to this node.' },
  TASK_UNKNOWN: { kind: 'user', meaning: 'No mailbox knows this task.' },
  TASK_REFUSED: { kind: 'refused', meaning: 'A task cannot be certified; the message names the reason.' },
  OUTPUT_GONE: {
    kind: 'refused',
    meaning: 'The task was answered before, and its output is no longer kept; it is not run a second time.',
  },
  TASK_EXPIRED: { kind: 'refused', meaning: 'The deadline of a task has passed.' },
  PERFORMER_MISSING: { kind: 'user', meaning: 'This node has no such performer, or none for the AVS.' },
  PERFORMER_UNAVAILABLE: { kind: 'retryable', meaning: 'The performer of an AVS is not in service.' },
  PERFORMER_FAILED: { kind: 'refused', meaning: 'The performer could not do the task.' },
  DEPLOYMENT_UNDER_WAY: {
    kind: 'refused',
    meaning: 'Another performer of the AVS is being deployed; there is one at a time.',
  },
  DEPLOYMENT_FAILED: {
    kind: 'refused',
    meaning: 'A performer that was to be deployed did not come to serve; what was in service stays.',
  },
  RELEASE_REFUSED: {
    kind: 'user',
    meaning: "A performer's image is not in the latest release of its AVS, and releases.require demands it.",
  },
  DOCKER_UNAVAILABLE: { kind: 'user', meaning: 'The Docker engine does not answer, or fails.' },
  KUBERNETES_UNAVAILABLE: {
    kind: 'user',
    meaning: 'The API server of the Kubernetes cluster does not answer, or fails.',
  },
  KUBERNETES_REFUSED: {
    kind: 'user',
    meaning:
      'The Kubernetes cluster does not let this node manage performers, or lacks the Performer resource or its namespace.',
  },
  IMAGE_MISSING: {
    kind: 'user',
    meaning: 'A container image is not present, and its registry does not have it or refuses the login.',
  },
  IMAGE_PULL_FAILED: {
    kind: 'retryable',
    meaning:
      'A container image is not present and cannot be pulled for now: registry, limits, or a full disk.',
  },
  DEVNET_FAILED: { kind: 'user', meaning: 'The local chains could not be started, found or stopped.' },
  ABORTED: { kind: 'aborted', meaning: 'The work was stopped on request.' },
  INTERNAL: { kind: 'bug', meaning: 'An assumption of the program is broken; please report it.' },
} as const satisfies Record<string, { kind: ErrorKind; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
