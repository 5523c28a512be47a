/** The one error class. What happened, the facts by name, and what to do about it. */
import { ERROR_CODES, type ErrorCode, type ErrorKind } from './error-codes.js';
import { printable } from './printable.js';

export type Facts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface ErrorDetails {
  /** One sentence, lower-case start, no trailing period: what happened. */
  readonly message: string;
  /** Values that identify the case. Never a secret. */
  readonly facts?: Facts;
  /** The next step for the reader, as an imperative sentence. */
  readonly advice?: string;
  readonly cause?: unknown;
}

export class PonosError extends Error {
  override readonly name = 'PonosError';
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly advice: string | undefined;

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.facts = details.facts ?? {};
    this.advice = details.advice;
  }

  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }
}

/** True for a PonosError, with this code if one is given. */
export function isPonosError(error: unknown, code?: ErrorCode): error is PonosError {
  return error instanceof PonosError && (code === undefined || error.code === code);
}

/** Whether the same call may succeed later: its code is of kind `retryable`. */
export function isRetryable(error: unknown): error is PonosError {
  return isPonosError(error) && error.kind === 'retryable';
}

const MOST_CAUSES = 8;

/**
 * The message of anything thrown, followed by the messages of its causes, in one line. Contracts, endpoints and executors
 * have put words into them: nothing that a terminal would obey is left in those.
 */
export function explain(error: unknown): string {
  const parts: string[] = [];
  // Causes can form a ring, and what a part repeats is not added: the steps are what is counted.
  let current = error;
  for (let step = 0; current !== undefined && step < MOST_CAUSES; step++) {
    const message = current instanceof Error ? current.message : String(current);
    const facts = current instanceof PonosError ? describeFacts(current.facts) : '';
    const part = printable(`${message}${facts}`.replace(/\s+/g, ' ').trim());
    if (part !== '' && !parts.some((earlier) => earlier.includes(part))) parts.push(part);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}

function describeFacts(facts: Facts): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return known.length === 0 ? '' : ` (${known.map(([name, value]) => `${name} ${value}`).join(', ')})`;
}
