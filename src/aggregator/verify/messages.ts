/** What goes between the verifier and its worker thread. */
import type { ResponseToVerify, Verdict } from './judge.js';

/** To the worker. One batch is under way at a time, so nothing needs a number. */
export interface VerifyRequest {
  readonly responses: readonly ResponseToVerify[];
}

/** From the worker, in the order of the request. */
export interface VerifyReply {
  readonly verdicts: readonly Verdict[];
}
