/** How a failed command ends: what is printed, and the exit code. The only place that decides it. */
import { explain, PonosError } from '../base/error.js';

/** 2 for what the user wrote (command line, configuration), 130 after an interrupt, 1 for the rest. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof PonosError)) return 1;
  if (error.code === 'USAGE' || error.code === 'CONFIG_INVALID') return 2;
  return error.kind === 'aborted' ? 130 : 1;
}

/**
 * One sentence with the facts and the causes, then what to do, then the code that docs/errors.md has. A stack trace
 * only where it is asked for.
 */
export function renderFailure(error: unknown, options: { debug: boolean }): string {
  const lines = [`ponos: ${explainKeepingLines(error)}`];
  if (error instanceof PonosError) {
    if (error.advice !== undefined) lines.push(`  → ${error.advice}`);
    lines.push(`  code: ${error.code}`);
  } else {
    lines.push('  → This is a fault of ponos; please report it, with the output of PONOS_DEBUG=1.');
  }
  if (options.debug && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${lines.join('\n')}\n`;
}

/** Lists of problems (one per line) keep their lines; everything else is one sentence. */
function explainKeepingLines(error: unknown): string {
  if (error instanceof PonosError && error.message.includes('\n')) return error.message;
  return explain(error);
}
