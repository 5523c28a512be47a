/** `docs/errors.md`, made from the list of error codes. */
import { ERROR_CODES, type ErrorKind } from '../../base/error-codes.js';

const KINDS: Readonly<Record<ErrorKind, string>> = {
  user: 'the operator must change something',
  retryable: 'the same call may succeed later',
  refused: "the peer's request is not acceptable",
  aborted: 'somebody asked to stop',
  bug: 'an assumption of the program is broken',
};

/** The whole page. */
export function renderErrorReference(): string {
  const kinds = Object.entries(KINDS).map(([kind, meaning]) => `- **${kind}**: ${meaning}`);
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { kind, meaning }]) => `| \`${code}\` | ${kind} | ${meaning} |`,
  );
  return `${[
    '<!-- Made by `make docs` from src/base/error-codes.ts; do not edit. -->',
    '# Error codes',
    '',
    'Every error of the program has one of these codes; logs carry it as the field `code`.',
    '',
    ...kinds,
    '',
    '| code | kind | meaning |',
    '|---|---|---|',
    ...rows,
  ].join('\n')}\n`;
}
