/** Why an endpoint refused a request, read from the codes and sentences of the many public ones; pure. */

/**
 * `rate-limited`: too many requests. `range-too-large`: of blocks or logs in `eth_getLogs`. `unknown-block`: one that
 * it does not have (yet). `unsupported`: a method that it does not offer. `invalid-request`: malformed, says it.
 */
export type RefusalReason =
  | 'rate-limited'
  | 'range-too-large'
  | 'unknown-block'
  | 'unsupported'
  | 'invalid-request'
  | 'other';

interface Refusal {
  readonly code: number;
  readonly message?: string;
}

/**
 * The first that matches decides. Sentences come before codes, since -32005 is the code of geth and Infura for too
 * many logs as well as for too many requests, and -32600 and -32602 are used for anything.
 */
const BY_SENTENCE: readonly (readonly [RegExp, RefusalReason])[] = [
  [
    /block range|\brange (is |of blocks )?(too|exceeds|limit|greater)|limited to an? [\d,]+ (block )?range|exceeds? (the )?(max(imum)?|limit).{0,20}(blocks|range)|too many (logs|results|blocks)|(query|response|result).{0,30}(returned more than|exceeds|too large|size)|more than [\d,]+ (results|logs)/i,
    'range-too-large',
  ],
  [
    /rate.?limit|too many requests|request (rate|count|limit)|requests? per (second|minute|day)|throughput|compute units|capacity|quota|(daily|monthly) (request|limit)|throttl/i,
    'rate-limited',
  ],
  [
    /header not found|block ?not ?found|unknown block|block .{0,80}(not found|does not exist|is not available)|cannot find block|BlockOutOfRange|could not find block/i,
    'unknown-block',
  ],
  [
    /method .{0,60}(not (found|supported|available|allowed)|does not exist|is not whitelisted)|unsupported method/i,
    'unsupported',
  ],
];

const BY_CODE: ReadonlyMap<number, RefusalReason> = new Map([
  [429, 'rate-limited'],
  [-32005, 'rate-limited'],
  [-32029, 'rate-limited'],
  [-32090, 'rate-limited'],
  [-32001, 'unknown-block'],
  [-32601, 'unsupported'],
  [-32004, 'unsupported'],
  [-32602, 'invalid-request'],
]);

export function refusalIn({ code, message = '' }: Refusal): RefusalReason {
  return BY_SENTENCE.find(([pattern]) => pattern.test(message))?.[1] ?? BY_CODE.get(code) ?? 'other';
}

/** Milliseconds of an HTTP `Retry-After`: seconds, or a date. Undefined when there is none or it makes no sense. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - nowMs : seconds * 1_000;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
